// The order in which images are handed out, without any process behind it.

import { describe, expect, test } from 'vitest';
import type { EmbedResult } from '../../src/embed/embedder.ts';
import { type Batch, type BatchQueue, createBatchQueue } from '../../src/embed/queue.ts';
import { AttractorError } from '../../src/errors/error.ts';

/** An image is one byte, its name; its vector is that byte. */
const images = (...names: number[]): Uint8Array[] => names.map((name) => Uint8Array.of(name));
const namesOf = (batch: Batch | undefined): number[] => batch!.images.map((bytes) => bytes[0]!);
const answer = (batch: Batch): void =>
  batch.done(batch.images.map((bytes) => ({ vector: Float32Array.from(bytes) })));
const vectorsOf = (results: EmbedResult[]): unknown[] =>
  results.map((result) => ('vector' in result ? result.vector[0] : result.error.code));

const forever = new AbortController().signal;
const take = (queue: BatchQueue, max = 4): Promise<Batch | undefined> => queue.take({ max, signal: forever });
const crash = new AttractorError('embedder_crashed', 'The embedding process died.');

describe('order', () => {
  test('online goes ahead of bulk that came first, and never shares a batch with it', async () => {
    const queue = createBatchQueue({ maxOnline: 10 });
    const bulk = queue.submit({ images: images(1, 2, 3, 4, 5, 6), priority: 'bulk' });
    const first = (await take(queue))!;
    const online = queue.submit({ images: images(7, 8) });
    const second = (await take(queue))!;
    const third = (await take(queue))!;
    expect([first, second, third].map(namesOf)).toEqual([
      [1, 2, 3, 4],
      [7, 8],
      [5, 6],
    ]);
    for (const batch of [third, second, first]) answer(batch);
    expect(vectorsOf(await online)).toEqual([7, 8]);
    expect(vectorsOf(await bulk)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('requests of one priority share a batch, first come first served', async () => {
    const queue = createBatchQueue({ maxOnline: 10 });
    const requests = [images(1), images(2, 3), images(4, 5)].map((list) => queue.submit({ images: list }));
    const batches = [(await take(queue, 4))!, (await take(queue, 4))!];
    expect(batches.map(namesOf)).toEqual([[1, 2, 3, 4], [5]]);
    for (const batch of batches) answer(batch);
    expect((await Promise.all(requests)).map(vectorsOf)).toEqual([[1], [2, 3], [4, 5]]);
  });

  test('a taker that waits gets the work when it comes; an aborted one gets nothing', async () => {
    const queue = createBatchQueue({ maxOnline: 10 });
    const controller = new AbortController();
    const gone = queue.take({ max: 4, signal: controller.signal });
    const waiting = take(queue);
    controller.abort();
    expect(await gone).toBeUndefined();
    const request = queue.submit({ images: images(1) });
    answer((await waiting)!);
    expect(vectorsOf(await request)).toEqual([1]);
    expect(await queue.take({ max: 4, signal: controller.signal })).toBeUndefined();
  });

  test('no images, no wait', async () => {
    expect(await createBatchQueue({ maxOnline: 1 }).submit({ images: [] })).toEqual([]);
  });
});

describe('bounds', () => {
  test('online beyond the limit is refused whole, bulk is not', async () => {
    const queue = createBatchQueue({ maxOnline: 3 });
    const first = queue.submit({ images: images(1, 2) });
    await expect(queue.submit({ images: images(3, 4) })).rejects.toMatchObject({
      code: 'overloaded',
      retryable: true,
      expected: 'at most 1',
      received: '2',
    });
    const second = queue.submit({ images: images(5) });
    const bulk = queue.submit({ images: images(...Array(100).keys()), priority: 'bulk' });
    const batch = (await take(queue))!;
    expect(namesOf(batch)).toEqual([1, 2, 5]);
    answer(batch);
    await Promise.all([first, second]);
    // What was handed out makes room.
    const third = queue.submit({ images: images(6, 7, 8) });
    answer((await take(queue))!);
    await third;
    for (let left = 100; left > 0; left -= 4) answer((await take(queue))!);
    expect(await bulk).toHaveLength(100);
  });
});

describe('cancellation', () => {
  test('takes waiting images out, makes room, and drops late results', async () => {
    const queue = createBatchQueue({ maxOnline: 6 });
    const controller = new AbortController();
    const cancelled = queue.submit({ images: images(1, 2, 3, 4, 5, 6), signal: controller.signal });
    const batch = (await take(queue))!; // 1 to 4 are under way, 5 and 6 wait
    controller.abort();
    await expect(cancelled).rejects.toMatchObject({ code: 'aborted' });
    const next = queue.submit({ images: images(7, 8, 9, 10, 11, 12) });
    answer(batch);
    const rest = [(await take(queue))!, (await take(queue))!];
    expect(rest.flatMap(namesOf)).toEqual([7, 8, 9, 10, 11, 12]);
    for (const part of rest) answer(part);
    expect(vectorsOf(await next)).toEqual([7, 8, 9, 10, 11, 12]);
  });

  test('a signal that is aborted already', async () => {
    const queue = createBatchQueue({ maxOnline: 6 });
    await expect(queue.submit({ images: images(1), signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'aborted',
    });
  });
});

describe('crashes', () => {
  test('the images of a crashed batch are tried once more, each alone, ahead of everything', async () => {
    const queue = createBatchQueue({ maxOnline: 10 });
    const request = queue.submit({ images: images(1, 2, 3) });
    (await take(queue))!.crashed(crash);
    const other = queue.submit({ images: images(4) });
    const alone = [(await take(queue))!, (await take(queue))!, (await take(queue))!];
    expect(alone.map(namesOf)).toEqual([[1], [2], [3]]);
    answer(alone[0]!);
    alone[1]!.crashed(crash);
    answer(alone[2]!);
    expect(vectorsOf(await request)).toEqual([1, 'embedder_crashed', 3]);
    const last = (await take(queue))!;
    expect(namesOf(last)).toEqual([4]);
    answer(last);
    await other;
  });

  test('no second try for a request that was cancelled meanwhile', async () => {
    const queue = createBatchQueue({ maxOnline: 10 });
    const controller = new AbortController();
    const cancelled = queue.submit({ images: images(1, 2), signal: controller.signal });
    (await take(queue))!.crashed(crash);
    controller.abort();
    await expect(cancelled).rejects.toMatchObject({ code: 'aborted' });
    const request = queue.submit({ images: images(3) });
    const batch = (await take(queue))!;
    expect(namesOf(batch)).toEqual([3]);
    batch.crashed(crash);
    answer((await take(queue))!);
    expect(vectorsOf(await request)).toEqual([3]);
  });

  test('fail ends all that waits, retries too, and leaves what is under way', async () => {
    const queue = createBatchQueue({ maxOnline: 10 });
    const retried = queue.submit({ images: images(1) });
    (await take(queue))!.crashed(crash);
    const underWay = queue.submit({ images: images(2) });
    const waiting = queue.submit({ images: images(3), priority: 'bulk' });
    const ends = Promise.allSettled([retried, waiting]);
    const first = (await take(queue))!;
    expect(namesOf(first)).toEqual([1]);
    first.crashed(crash); // second time: its own result
    const batch = (await take(queue))!;
    queue.fail(crash);
    answer(batch);
    expect(vectorsOf(await underWay)).toEqual([2]);
    const [one, three] = await ends;
    expect(one).toMatchObject({ status: 'fulfilled' });
    expect(three).toMatchObject({ status: 'rejected', reason: { code: 'embedder_crashed' } });
    const late = queue.submit({ images: images(4) });
    (await take(queue))!.crashed(crash);
    queue.fail(crash);
    await expect(late).rejects.toMatchObject({ code: 'embedder_crashed' });
  });
});
