// Fine-tunes in a process of its own, for a test to kill: a line per step, then it waits until the line is read.

import { openTiny, tuneTiny } from './run.ts';

const [folder, run] = process.argv.slice(2);
await tuneTiny(await openTiny(folder!), {
  run,
  onStep: ({ stage, step }) => {
    process.stdout.write(`${stage} ${step}\n`);
    // Slow enough to be killed in the step it reports.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  },
});
