// Main module of the processes of one-job.test.ts: does what its job says.

import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { AttractorError } from '../../src/errors/error.ts';
import { answerJob } from '../../src/runtime/one-job.ts';

export interface Job {
  readonly how: 'answer' | 'refuse' | 'break' | 'die' | 'hang';
}

answerJob<Job, number, string>(async ({ how }, note) => {
  note(`about to ${how}`);
  if (how === 'refuse') throw new AttractorError('index_invalid', 'no such graph');
  if (how === 'break') throw new TypeError('undefined is not a graph');
  if (how === 'die') {
    writeSync(2, 'a last word');
    process.kill(process.pid, 'SIGKILL');
  }
  if (how !== 'answer') await sleep(60_000);
  return 42;
});
