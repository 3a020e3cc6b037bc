// Trains in a process of its own, for a test to kill: a line per step, then it waits until the line is read.

import { train } from './run.ts';

const [directory] = process.argv.slice(2);
await train({
  checkpointDirectory: directory,
  onProgress: ({ step }) => {
    process.stdout.write(`${step}\n`);
    // Slow enough to be killed in the step it reports.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  },
});
