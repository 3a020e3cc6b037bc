// Scans by several threads against the same by one, on memories that grow, change and go; and that helpers do take part.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, expect, test, vi } from 'vitest';
import { Bits } from '../../src/math/bits.ts';
import { Copies } from '../../src/math/copies.ts';
import { createRng } from '../../src/math/rng.ts';
import { ScanThreads } from '../../src/math/scan-threads.ts';
import { VectorRows } from '../../src/math/vector-rows.ts';
import { randomUnit } from '../reference/nearest.ts';

const ROWS = 60_000;
const threads = new ScanThreads({ count: 3 });
afterAll(() => threads.close());

const everyone = (rows: number) => Bits.of(Array(rows).keys(), rows);

/** All rows, in the order in which they were found. */
function sift(copies: Copies, dimension = 8): number[] {
  const found = { rows: [] as number[], uppers: [] as number[] };
  const range = { first: 0, end: copies.count, shift: 0, wanted: everyone(copies.count) };
  copies.sift({
    vector: new Float32Array(dimension).fill(0.1),
    ...range,
    lowest: { floor: -Infinity, push: () => {} },
    found,
  });
  return found.rows;
}

function filled(threads?: ScanThreads): Copies {
  const copies = new Copies({ dimension: 8, threads });
  const rng = createRng(5);
  for (let i = 0; i < ROWS; i++) copies.push(randomUnit(rng, 8));
  return copies;
}

const inOrder = (rows: readonly number[]) => rows.every((row, i) => i === 0 || rows[i - 1]! < row);

test('helpers take part, and every row is found once', async () => {
  const copies = filled(threads);
  const all = Array.from({ length: ROWS }, (_, row) => row);
  expect(sift(filled())).toEqual(all);
  // A caller alone finds rows in their order.
  await vi.waitFor(() => expect(inOrder(sift(copies))).toBe(false), { timeout: 10_000, interval: 5 });
  // Rare is the helper that comes twice to one go, or comes late.
  for (let i = 0; i < 1000; i++) {
    const rows = sift(copies);
    expect([rows.length, new Set(rows).size]).toEqual([ROWS, ROWS]);
    if (i % 10 === 0) await nextTurn();
  }
  expect(sift(copies).sort((a, b) => a - b)).toEqual(all);
});

test('the same candidates as alone, in memories that take turns and change in between', () => {
  const rng = createRng(6);
  const together = [0, 1].map(() => new VectorRows({ dimension: 16, threads }));
  const alone = new VectorRows({ dimension: 16 });
  const push = (count: number) => {
    for (let i = 0; i < count; i++) {
      const vector = randomUnit(rng, 16);
      for (const rows of [alone, ...together]) rows.push(vector);
    }
  };
  push(40_000);
  for (let round = 0; round < 60; round++) {
    push(rng.int(2000));
    const [from, to] = [rng.int(alone.rows), rng.int(alone.rows)];
    for (const rows of [alone, ...together]) rows.move(from, to);
    const share = [1, 0.5, 0.05][round % 3]!;
    const wanted = Bits.of(
      Array.from({ length: alone.rows }, (_, row) => row).filter(() => rng.next() < share),
      alone.rows,
    );
    const options = { vector: randomUnit(rng, 16), first: rng.int(20_000), wanted };
    for (const goal of [{ k: 1 + rng.int(200) }, { atLeast: rng.next() - 0.2 }]) {
      const expected = bestOf(alone, { ...options, ...goal });
      for (const rows of together) expect(bestOf(rows, { ...options, ...goal })).toEqual(expected);
    }
  }

  /** Candidates may be more than the best, and others each time: what is asked for is the same. */
  function bestOf(rows: VectorRows, options: Parameters<VectorRows['candidates']>[0]): number[] {
    const scored = rows.candidates(options).map((row) => ({ row, score: rows.score(row, options.vector) }));
    if ('atLeast' in options) {
      return scored.filter(({ score }) => score >= options.atLeast).map(({ row }) => row);
    }
    return scored
      .sort((a, b) => b.score - a.score || a.row - b.row)
      .slice(0, options.k)
      .map(({ row }) => row);
  }
});

test('scans are right after the threads were closed, and while others start', async () => {
  const own = new ScanThreads({ count: 2 });
  const copies = filled(own);
  const sorted = () => sift(copies).sort((a, b) => a - b);
  const all = sorted();
  for (let i = 0; i < 5; i++) {
    own.close();
    expect(sorted()).toEqual(all);
    await vi.waitFor(() => expect(inOrder(sift(copies))).toBe(false), { timeout: 10_000, interval: 5 });
  }
  own.close();
});

test('a memory that its user has let go of is not held by helpers', async () => {
  setFlagsFromString('--expose-gc');
  const gc: () => void = runInNewContext('gc');
  const own = new ScanThreads({ count: 2 });
  const residentMiB = () => process.memoryUsage.rss() / 2 ** 20;
  const use = async () => {
    // Of 1 KiB each.
    const copies = new Copies({ dimension: 1008, threads: own });
    const vector = new Float32Array(1008).fill(0.1);
    for (let i = 0; i < 150_000; i++) copies.push(vector);
    await vi.waitFor(() => expect(inOrder(sift(copies, 1008))).toBe(false), { timeout: 10_000, interval: 5 });
  };
  const before = residentMiB();
  for (let i = 0; i < 3; i++) {
    await use();
    const released = () => {
      gc();
      expect(residentMiB() - before).toBeLessThan(75);
    };
    await vi.waitFor(released, { timeout: 20_000, interval: 50 });
  }
  own.close();
});
