// The runner on a real store: order, progress, cancel, failure, retry, restart and forgetting.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Catalogue } from '../../src/catalogue/types.ts';
import { AttractorError } from '../../src/errors/error.ts';
import { TaskRunner } from '../../src/tasks/runner.ts';
import type { TaskKind, TaskRun, TaskType } from '../../src/tasks/task.ts';
import { eventually, Harness } from '../catalogue/harness.ts';

let harness: Harness;
let catalogue: Catalogue;
let now: number;
beforeEach(async () => {
  harness = new Harness();
  catalogue = await harness.open();
  now = 1000;
});
afterEach(() => harness.dispose());

/** A task under way, for the test to end. */
interface Held {
  readonly run: TaskRun;
  finish(details: object): void;
  fail(error: Error): void;
}

/** Runs every type by holding it; ends with `aborted` where it is told to stop. */
function open() {
  const held: Held[] = [];
  const kind: TaskKind = {
    run: (run) =>
      new Promise((finish, fail) => {
        run.signal.addEventListener('abort', () => fail(new AttractorError('aborted', 'stopped')));
        held.push({ run, finish, fail });
      }),
  };
  const kinds: Record<TaskType, TaskKind> = { import: kind, duplicates: kind, snapshot: kind, compact: kind };
  const logger = { info: () => {}, warn: () => {}, error: () => {} };
  const forgotten: number[] = [];
  const runner = new TaskRunner({
    table: catalogue.tasks,
    kinds,
    clock: () => now,
    logger,
    onForgotten: (uids) => forgotten.push(...uids),
  });
  runner.start();
  const running = (count: number) => eventually(() => held.length === count);
  return { runner, held, running, forgotten };
}

describe('the runner', () => {
  test('one of each type at a time, oldest first; others do not wait for it', async () => {
    const { runner, held, running } = open();
    const uids = (['snapshot', 'snapshot', 'compact'] as const).map((type) => runner.enqueue({ type }).uid);
    await running(2);
    expect(held.map(({ run }) => run.row.uid)).toEqual([uids[0], uids[2]]);
    expect(uids.map((uid) => runner.get(uid).status)).toEqual(['processing', 'enqueued', 'processing']);
    now = 1500;
    held[0]!.finish({ name: 'x' });
    await running(3);
    expect(held[2]!.run.row.uid).toBe(uids[1]);
    expect(runner.get(uids[0]!)).toMatchObject({
      status: 'succeeded',
      details: { name: 'x' },
      enqueuedAt: 1000,
      startedAt: 1000,
      finishedAt: 1500,
    });
    await runner.close();
  });

  test('progress and the time it will take, from the pace of this run', async () => {
    const { runner, held, running } = open();
    const { uid } = runner.enqueue({ type: 'import', total: 100 });
    await running(1);
    expect(runner.get(uid).eta).toBeUndefined();
    now = 3000;
    held[0]!.run.checkpoint({ done: 40, total: 100, details: { created: 40 } });
    expect(runner.get(uid)).toMatchObject({
      progress: { done: 40, total: 100 },
      eta: 3000,
      details: { created: 40 },
    });
    // What was done before does not count for the pace after.
    await runner.close();
    const again = open();
    await again.running(1);
    expect(again.held[0]!.run.row.done).toBe(40);
    expect(again.runner.get(uid).eta).toBeUndefined();
    now = 4000;
    again.held[0]!.run.checkpoint({ done: 50, total: 100, details: {} });
    expect(again.runner.get(uid).eta).toBe(5000);
    await again.runner.close();
  });

  test('a checkpoint is whole or not at all', async () => {
    const { runner, held, running } = open();
    const { uid } = runner.enqueue({ type: 'import', total: 2 });
    await running(1);
    const letter = { uid, line: 1, id: 'a', code: 'internal', reason: 'r' };
    const torn = () =>
      held[0]!.run.checkpoint({ done: 1, total: 2, details: { failed: 1 } }, () => {
        catalogue.tasks.putDeadLetter(letter);
        throw new Error('torn');
      });
    expect(torn).toThrow('torn');
    expect(runner.get(uid)).toMatchObject({ progress: { done: 0 }, details: {} });
    expect(runner.deadLetters({ uid, limit: 9 })).toEqual({ total: 0, letters: [] });
    await runner.close();
  });

  test('canceled while it waits or runs; what is over cannot be', async () => {
    const { runner, held, running } = open();
    const [first, second] = [runner.enqueue({ type: 'compact' }), runner.enqueue({ type: 'compact' })];
    await running(1);
    expect((await runner.cancel(second.uid)).status).toBe('canceled');
    expect(await runner.cancel(first.uid)).toMatchObject({ status: 'canceled', error: undefined });
    await expect(runner.cancel(first.uid)).rejects.toMatchObject({ code: 'task_conflict' });
    await expect(runner.cancel(99)).rejects.toMatchObject({ code: 'task_not_found' });
    expect(held.length).toBe(1);
    await runner.close();
  });

  test('a failure is told, an inner one only to the log; retried it runs again', async () => {
    const { runner, held, running } = open();
    const { uid } = runner.enqueue({ type: 'compact' });
    await running(1);
    held[0]!.fail(new AttractorError('collection_not_found', 'There is none.'));
    await eventually(() => runner.get(uid).status === 'failed');
    expect(runner.get(uid).error).toEqual({ code: 'collection_not_found', message: 'There is none.' });
    expect(runner.retry(uid)).toMatchObject({ error: undefined, finishedAt: undefined });
    expect(() => runner.retry(uid)).toThrow(expect.objectContaining({ code: 'task_conflict' }));
    await running(2);
    held[1]!.fail(new Error('secret'));
    await eventually(() => runner.get(uid).status === 'failed');
    expect(runner.get(uid).error).toEqual({ code: 'internal', message: 'Internal error.' });
    runner.retry(uid);
    await running(3);
    held[2]!.finish({});
    await eventually(() => runner.get(uid).status === 'succeeded');
    expect(() => runner.retry(uid)).toThrow(expect.objectContaining({ code: 'task_conflict' }));
    await runner.close();
  });

  test('what a stop cut off goes on with the next start, in its old place', async () => {
    const { runner, running } = open();
    const uids = [1, 2].map(() => runner.enqueue({ type: 'import', params: { a: 1 } }).uid);
    await running(1);
    await runner.close();
    expect(() => runner.enqueue({ type: 'import' })).toThrow(expect.objectContaining({ code: 'not_ready' }));
    catalogue = await harness.reopen();
    const again = open();
    await again.running(1);
    expect(again.held[0]!.run.row).toMatchObject({ uid: uids[0], params: '{"a":1}' });
    again.held[0]!.finish({});
    await again.running(2);
    expect(again.held[1]!.run.row.uid).toBe(uids[1]);
    await again.runner.close();
  });

  test('the oldest that are over are forgotten; uids never come back', async () => {
    const { runner, held, running, forgotten } = open();
    const waiting = runner.enqueue({ type: 'compact' }).uid;
    await running(1);
    const table = catalogue.tasks;
    table.transaction(() => {
      for (let i = 0; i < 1001; i++) {
        const row = table.insert({ type: 'snapshot', collection: null, total: 1, params: '{}', at: 1 });
        table.update({ ...row, status: 'succeeded' });
      }
    });
    const { uid } = runner.enqueue({ type: 'import' });
    expect(forgotten).toEqual([waiting + 1]);
    expect(runner.get(waiting).status).toBe('processing');
    expect(uid).toBe(waiting + 1002);
    expect(held.length).toBeGreaterThan(0);
    await runner.close();
  });
});
