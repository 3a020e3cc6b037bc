// Trains in a process of its own, for a test to kill: a line per step, then it waits until the line is read.

import type { StepProgress } from '../../../training/trainer/options.ts';
import { trainRich } from './rich.ts';
import { train } from './run.ts';

const [which, checkpointDirectory] = process.argv.slice(2);
const onProgress = ({ step }: StepProgress) => {
  process.stdout.write(`${step}\n`);
  // Slow enough to be killed in the step it reports.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
};
const options = { checkpointDirectory, resume: true, onProgress };
await (which === 'rich' ? trainRich({ ...options, keepTop: 2 }) : train(options));
