// Progress where stderr is no terminal: lines for a log, neither silence nor one for every step.

import { expect, it } from 'vitest';
import { lines } from '../../src/cli/progress.ts';

it('a line every ten seconds at most, whatever is under way, with the time since the start', () => {
  const written: string[] = [];
  let clock = 500;
  const progress = lines({ now: () => clock, write: (line) => written.push(line) });
  const at = (seconds: number, phase: string, done: number) => {
    clock = 500 + 1000 * seconds;
    progress.show({ phase, done, total: 300 });
  };
  for (let second = 0; second < 30; second++) at(second, 'features', 10 * second);
  at(30.5, 'PFML', 7);
  at(31, 'PFML', 8);
  at(3 * 3600 + 62, 'refit PFML', 9);
  progress.stop();
  expect(written).toEqual([
    '[0:00:10] features: 100 of 300',
    '[0:00:20] features: 200 of 300',
    '[0:00:30] PFML: 7 of 300',
    '[3:01:02] refit PFML: 9 of 300',
  ]);
});
