// The order in which images are handed out, without any process behind it.

import { describe, expect, test } from 'vitest';
import { bytesOf, type EmbedResult } from '../../src/embed/embedder.ts';
import { type Batch, type BatchQueue, createBatchQueue } from '../../src/embed/queue.ts';
import { AttractorError } from '../../src/errors/error.ts';

/** An image is one byte, its name; its vector is that byte. */
const images = (...names: number[]): Uint8Array[] => names.map((name) => Uint8Array.of(name));
const namesOf = (batch: Batch | undefined): number[] => batch!.images.map((image) => bytesOf(image)[0]!);
const answer = (batch: Batch): void =>
  batch.done(batch.images.map((image) => ({ vector: Float32Array.from(bytesOf(image)) })));
const vectorsOf = (results: EmbedResult[]): unknown[] =>
  results.map((result) => ('vector' in result ? result.vector[0] : result.error.code));

const forever = new AbortController().signal;
const take = (queue: BatchQueue, max = 4, signal = forever): Promise<Batch | undefined> =>
  queue.take({ max, maxBulk: max, maxDelay: 0, signal });
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
    const gone = take(queue, 4, controller.signal);
    const waiting = take(queue);
    controller.abort();
    expect(await gone).toBeUndefined();
    const request = queue.submit({ images: images(1) });
    answer((await waiting)!);
    expect(vectorsOf(await request)).toEqual([1]);
    expect(await take(queue, 4, controller.signal)).toBeUndefined();
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

describe('imports beside queries', () => {
  /** A clock that stands still, an import that waits. */
  function busy() {
    let now = 0;
    const queue = createBatchQueue({ maxOnline: 1000, clock: () => now });
    const bulk = queue.submit({ images: images(...Array(40).fill(1)), priority: 'bulk' });
    bulk.catch(() => {});
    const online = () => queue.submit({ images: images(2) });
    const pass = (ms: number): void => {
      now += ms;
    };
    return { queue, online, pass };
  }

  const kept = (queue: BatchQueue) =>
    queue.take({ max: 4, maxBulk: 4, maxDelay: 0, kept: true, signal: forever });

  test('have the kept process too while there are no queries, and not for ten seconds after each', async () => {
    const { queue, online, pass } = busy();
    answer((await kept(queue))!);
    const query = online();
    answer((await kept(queue))!);
    await query;
    const waiting = kept(queue);
    const other = (await take(queue))!; // another process has what the kept one is kept from
    expect(namesOf(other)).toEqual([1, 1, 1, 1]);
    pass(9_999);
    answer(other);
    const second = online();
    const batch = (await waiting)!;
    expect(namesOf(batch)).toEqual([2]);
    answer(batch);
    await second;
    const idle = kept(queue);
    const last = (await take(queue))!;
    pass(10_000);
    answer(last); // whoever comes back lets the kept one look again
    expect(namesOf((await idle)!)).toEqual([1, 1, 1, 1]);
  });

  test('a query goes to the kept process where several are idle', async () => {
    const queue = createBatchQueue({ maxOnline: 10 });
    const got: string[] = [];
    const noted = async (name: string, taken: Promise<Batch | undefined>) => {
      const batch = await taken;
      got.push(name);
      return batch!;
    };
    const first = noted('other', take(queue));
    const second = noted('kept', kept(queue));
    const requests = [queue.submit({ images: images(1) })];
    answer(await second);
    expect(got).toEqual(['kept']);
    requests.push(queue.submit({ images: images(2) }));
    answer(await first);
    await Promise.all(requests);
  });

  test('never starve: after eight batches of queries one of theirs goes', async () => {
    const { queue, online } = busy();
    for (let i = 0; i < 20; i++) online();
    const order: number[] = [];
    for (let i = 0; i < 19; i++) {
      const batch = (await take(queue, 1))!;
      order.push(...namesOf(batch));
      answer(batch);
    }
    expect(order.join('')).toBe('2222222212222222212');
  });
});

describe('company', () => {
  /** Batches of up to four, with one taker that waits for company. */
  function delayed() {
    let now = 0;
    const queue = createBatchQueue({ maxOnline: 100, clock: () => now });
    const takeOne = () => queue.take({ max: 4, maxBulk: 4, maxDelay: 60_000, signal: forever });
    const pass = (ms: number): void => {
      now += ms;
    };
    return { queue, takeOne, pass };
  }

  test('a client alone is never kept', async () => {
    const { queue, takeOne } = delayed();
    for (let i = 0; i < 3; i++) {
      const request = queue.submit({ images: images(i) });
      answer((await takeOne())!);
      await request;
    }
    expect(queue.stats().batches).toEqual(new Map([[1, 3]]));
  });

  test('after a batch with company the next one waits for as much, or until its first image has waited long enough', async () => {
    const { queue, takeOne, pass } = delayed();
    const submit = (...names: number[]) => queue.submit({ images: images(...names) });
    const first = [submit(1), submit(2), submit(3)];
    answer((await takeOne())!);
    await Promise.all(first);
    const more = [submit(4)];
    const waiting = takeOne();
    more.push(submit(5), submit(6));
    const batch = (await waiting)!;
    expect(namesOf(batch)).toEqual([4, 5, 6]);
    answer(batch);
    await Promise.all(more);
    const late = submit(7);
    pass(60_000);
    const alone = (await takeOne())!;
    expect(namesOf(alone)).toEqual([7]);
    answer(alone);
    await late;
    const next = submit(8); // the last one had no company: no wait
    answer((await takeOne())!);
    await next;
  });

  test('nobody waits for company while a second taker is idle', async () => {
    const { queue, takeOne } = delayed();
    const first = [1, 2].map((name) => queue.submit({ images: images(name) }));
    answer((await takeOne())!);
    await Promise.all(first);
    const takers = [takeOne(), takeOne()];
    const request = queue.submit({ images: images(3) });
    answer((await Promise.race(takers))!);
    await request;
  });
});

describe('the account', () => {
  test('counts waiting, under way, done, dropped and refused images, batches, and times', async () => {
    let now = 0;
    const queue = createBatchQueue({ maxOnline: 4, clock: () => now });
    const controller = new AbortController();
    const first = queue.submit({ images: images(1, 2, 3) });
    const dropped = queue.submit({ images: images(4), signal: controller.signal });
    const bulk = queue.submit({ images: images(5, 6), priority: 'bulk' });
    await expect(queue.submit({ images: images(7) })).rejects.toMatchObject({ retryAfter: undefined });
    now = 10;
    const batch = (await take(queue, 3))!;
    now = 610;
    controller.abort();
    await expect(dropped).rejects.toMatchObject({ code: 'aborted' });
    expect(queue.stats()).toMatchObject({
      waiting: { online: 0, bulk: 2 },
      underWay: 3,
      refused: { online: 1, bulk: 0 },
      dropped: { online: 1, bulk: 0 },
      waited: { online: 30, bulk: 0 },
      pace: undefined,
    });
    answer(batch);
    await first;
    const rest = (await take(queue))!;
    now = 700;
    answer(rest);
    await bulk;
    expect(queue.stats()).toMatchObject({
      waiting: { online: 0, bulk: 0 },
      underWay: 0,
      images: { online: 3, bulk: 2 },
      batches: new Map([
        [3, 1],
        [2, 1],
      ]),
      waited: { online: 30, bulk: 1220 },
      worked: { online: 600, bulk: 90 },
    });
    expect(queue.stats().pace).toBeCloseTo(200 + 0.1 * (45 - 200));
  });

  test('a full queue says after how many seconds there is room again, from the pace and the processes at work', async () => {
    let now = 0;
    const queue = createBatchQueue({ maxOnline: 100, clock: () => now });
    const done = queue.submit({ images: images(0) });
    const batch = (await take(queue))!;
    now = 400;
    answer(batch);
    await done;
    const names = (count: number) => images(...Array(count).keys());
    queue.submit({ images: names(102) }).catch(() => {}); // nothing waits: any size
    await take(queue, 1);
    await take(queue, 1);
    // 400 ms an image, two at work, half of the 100 that wait and the one: 51 * 0.2 s.
    await expect(queue.submit({ images: names(1) })).rejects.toMatchObject({
      code: 'overloaded',
      retryAfter: 10.2,
    });
  });

  test("a signal's own error is the answer: a deadline that passes while its images wait", async () => {
    const queue = createBatchQueue({ maxOnline: 10 });
    const deadline = new AbortController();
    const request = queue.submit({ images: images(1), signal: deadline.signal });
    deadline.abort(new AttractorError('deadline_exceeded', 'Too late.'));
    await expect(request).rejects.toMatchObject({ code: 'deadline_exceeded', retryable: true });
    const other = queue.submit({ images: images(2) });
    const batch = (await take(queue))!;
    expect(namesOf(batch)).toEqual([2]);
    answer(batch);
    await other;
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
