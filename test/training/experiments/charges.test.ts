// Experiments on synthetic clusters, through the real runner: what they refuse, that they go on, and what their page says.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ChargesLine, runCharges } from '../../../training/experiments/charges.ts';
import { parseCharges } from '../../../training/experiments/charges-schema.ts';
import { clusters } from '../../../training/experiments/clusters.ts';
import { readLines } from '../../../training/experiments/lines.ts';
import { writeReport } from '../../../training/experiments/report.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'attractor-charges-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const variant = (title: string, loss: string, options = {}) => ({ title, loss, options });
const file = {
  kind: 'charges',
  title: 'Proxies',
  about: 'Where do they go?',
  variants: [
    variant('siblings', 'pfml-paper', { preset: 'paper', proxiesPerClass: 4 }),
    variant('none', 'pfml-paper', { preset: 'paper', proxiesPerClass: 4, siblingAttraction: false }),
    variant('bare', 'pfml-paper', { preset: 'paper', proxiesPerClass: 0 }),
  ],
  train: 'head',
  classes: [6, 12],
  seeds: [1],
  ...{ modes: 3, samplesPerMode: 6, dimension: 16, batch: { classes: 6, samples: 4 } },
  ...{ steps: 120, every: 40, learningRate: 1e-4 },
};

const run = (out: string, onCell?: () => void, signal?: AbortSignal) =>
  runCharges({ experiment: parseCharges(file), out: join(folder, out), onCell, signal });

/** Without what the machine says. */
const linesOf = (out: string) =>
  readLines<ChargesLine>(join(folder, out)).map(({ stepSeconds, memory, ...line }) => line);

describe('runCharges', () => {
  it('goes on where it was stopped, to the same lines', async () => {
    expect(await run('straight')).toBe(6);
    const stop = new AbortController();
    let cells = 0;
    const stopped = run('resumed', () => ++cells === 4 && stop.abort(), stop.signal);
    await expect(stopped).rejects.toMatchObject({ code: 'aborted' });
    expect(linesOf('resumed')).toHaveLength(3);
    expect(await run('resumed')).toBe(3);
    expect(linesOf('resumed')).toEqual(linesOf('straight'));
  }, 60_000);

  it('shows that siblings which attract each other fall together', async () => {
    const variants = [true, false].map((siblingAttraction) =>
      variant(`${siblingAttraction}`, 'pfml-paper', {
        preset: 'paper',
        proxiesPerClass: 12,
        siblingAttraction,
      }),
    );
    const experiment = parseCharges({
      ...file,
      variants,
      train: 'proxies',
      classes: [12],
      seeds: [1],
      dimension: 32,
    });
    const out = join(folder, 'siblings');
    await runCharges({ experiment, out });
    const [attract, free] = readLines<ChargesLine>(out).map(({ looks }) => looks.at(-1)!);
    expect(attract!.siblingDistance).toBeLessThan(free!.siblingDistance - 0.1);
    expect(attract!.modesCovered).toBeLessThanOrEqual(free!.modesCovered);
  });

  it('has nothing to show where there are no proxies, but time and memory', () => {
    const lines = readLines<ChargesLine>(join(folder, 'straight'));
    for (const { variant: title, looks, loss, stepSeconds, memory } of lines) {
      expect(looks.length).toBe(title === 'bare' ? 0 : 4);
      expect(Number.isFinite(loss.last)).toBe(true);
      expect(stepSeconds).toBeGreaterThan(0);
      // In one process those after the first would find what they need taken already.
      expect(memory).toBeGreaterThan(2 ** 22);
    }
  });

  it('is reported on one page that asks nobody', async () => {
    const out = join(folder, 'straight');
    const { tables } = await writeReport({ folder: out });
    expect(tables.map(({ title }) => title)).toEqual(['6 classes', '12 classes']);
    const page = readFileSync(join(out, 'report.html'), 'utf8');
    expect(page.match(/<svg/g)).toHaveLength(3);
    expect(page).not.toMatch(/(?:src|href)="(?!data:)/);
    const json = JSON.parse(readFileSync(join(out, 'experiment.json'), 'utf8')) as object;
    writeFileSync(join(out, 'experiment.json'), JSON.stringify({ ...json, classes: [12] }));
    const fewer = await writeReport({ folder: out });
    expect(fewer.tables.map(({ title }) => title)).toEqual(['12 classes']);
    expect(fewer.note).toMatch(/^3 cells of other settings lie /);
  });
});

describe('the files', () => {
  const home = join(import.meta.dirname, '../../../training/experiments');
  const files = readdirSync(home).filter((name) => ['synthetic.json', 'cost.json'].includes(name));

  it.each(files)('%s is one', (name) => {
    expect(parseCharges(JSON.parse(readFileSync(join(home, name), 'utf8'))).variants.length).toBeGreaterThan(
      2,
    );
  });

  it.each([
    [{ colour: 1 }, /expected some of the fields kind, title, about, variants, .*, received "colour"/],
    [{ batch: { clases: 1 } }, /^experiment\.batch: expected some of the fields classes, samples, received/],
    [{ variants: [variant('x', 'hinge')] }, /loss: expected one of pfml/],
    [{ variants: [variant('x', 'pfml', { radius: 1 })] }, /radius/],
    [{ batch: { classes: 7, samples: 4 } }, /batch.classes: expected at most the 6 classes/],
    [{ batch: { classes: 6, samples: 40 } }, /batch.samples: expected at most the 18/],
  ])('%j is refused', (change, message) => {
    expect(() => parseCharges({ ...file, ...change })).toThrow(message);
  });
});

it('clusters are where they are said to be', () => {
  const dimension = 256;
  const made = clusters({
    ...{ classes: 20, modes: 2, samplesPerMode: 30, dimension, modeSpread: 0.75, sampleSpread: 0.1, seed: 3 },
  });
  const mean = (mode: number) => {
    const sum = new Float64Array(dimension);
    made.modes.forEach((one, i) => {
      if (one === mode) for (let k = 0; k < dimension; k++) sum[k]! += made.features[i * dimension + k]!;
    });
    const length = Math.hypot(...sum);
    return sum.map((x) => x / length);
  };
  const distances = Array.from({ length: 20 }, (_, label) => {
    const [a, b] = [mean(2 * label), mean(2 * label + 1)];
    return Math.hypot(...a.map((x, k) => x - b[k]!));
  });
  expect(distances.reduce((sum, x) => sum + x, 0) / 20).toBeCloseTo(0.85, 1);
  expect([...made.labels.slice(0, 61)]).toEqual([...Array(60).fill(0), 1]);
});
