// One job in a process of its own: real processes that answer, refuse, die and hang.

import { expect, test } from 'vitest';
import type { ErrorCode } from '../../src/errors/table.ts';
import { runJob } from '../../src/runtime/one-job.ts';
import type { Job } from './job-child.ts';

const run = (how: Job['how'], options: { signal?: AbortSignal; code?: ErrorCode } = {}) => {
  const notes: string[] = [];
  const answer = runJob<number, string>({
    ...{ url: import.meta.url, module: './job-child', name: 'the test', job: { how } satisfies Job },
    onNote: (note) => notes.push(note),
    ...options,
  });
  return { answer, notes };
};

test('notes come before the answer', async () => {
  const { answer, notes } = run('answer');
  expect(await answer).toBe(42);
  expect(notes).toEqual(['about to answer']);
});

test('what the child throws keeps its code, unless the caller has one for all', async () => {
  await expect(run('refuse').answer).rejects.toMatchObject({
    ...{ code: 'index_invalid', message: 'the test: no such graph' },
  });
  await expect(run('break').answer).rejects.toMatchObject({ code: 'internal' });
  await expect(run('break', { code: 'index_invalid' }).answer).rejects.toMatchObject({
    code: 'index_invalid',
  });
});

test('a process that dies is an error with its last words', async () => {
  await expect(run('die').answer).rejects.toMatchObject({
    ...{ code: 'internal', message: 'the test: killed by SIGKILL' },
    cause: expect.objectContaining({ message: 'a last word' }),
  });
});

test('one that is aborted is killed, before it starts or in the middle', async () => {
  await expect(run('hang', { signal: AbortSignal.abort() }).answer).rejects.toMatchObject({
    code: 'aborted',
  });
  const stop = new AbortController();
  const { answer, notes } = run('hang', { signal: stop.signal });
  setTimeout(() => stop.abort(), 1000);
  await expect(answer).rejects.toMatchObject({ code: 'aborted' });
  expect(notes.length).toBeLessThan(2);
});
