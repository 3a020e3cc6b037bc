import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRng } from '../../src/math/rng.ts';
import { evaluateRetrieval } from '../../src/metrics/retrieval.ts';
import { plainScores } from '../../src/metrics/scores.ts';
import { naiveQuery, naiveRanking } from '../reference/retrieval.ts';

/** One query against a gallery, by scores alone: dimension 1, query vector [1]. */
const oneQuery = (scores: number[], labels: string[], ks = [1, 2, 3]) =>
  evaluateRetrieval({
    dimension: 1,
    queries: { vectors: Float32Array.of(1), labels: ['a'] },
    gallery: { vectors: Float32Array.from(scores), labels },
    ks,
  });

const ties = fc
  .array(fc.record({ level: fc.integer({ min: 0, max: 3 }), relevant: fc.boolean() }), {
    minLength: 1,
    maxLength: 6,
  })
  .filter((items) => items.some((item) => item.relevant));

describe('evaluateRetrieval', () => {
  it('equals the mean, worst and best over every order of the ties', async () => {
    await fc.assert(
      fc.asyncProperty(ties, async (items) => {
        const scores = items.map((item) => item.level / 4);
        const relevant = items.map((item) => item.relevant);
        const naive = naiveQuery(scores, relevant, [1, 2, 3]);
        const report = await oneQuery(
          scores,
          relevant.map((yes) => (yes ? 'a' : 'b')),
        );
        const pairs = [
          ...[1, 2, 3].map(
            (k, i) =>
              [
                report.recall.get(k)!,
                naive.expected.recall[i]!,
                naive.pessimistic.recall[i]!,
                naive.optimistic.recall[i]!,
              ] as const,
          ),
          [
            report.rPrecision,
            naive.expected.rPrecision,
            naive.pessimistic.rPrecision,
            naive.optimistic.rPrecision,
          ] as const,
          [report.mapAtR, naive.expected.mapAtR, naive.pessimistic.mapAtR, naive.optimistic.mapAtR] as const,
        ];
        for (const [measured, expected, low, high] of pairs) {
          expect(measured.value).toBeCloseTo(expected, 12);
          expect(measured.bounds?.pessimistic ?? measured.value).toBeCloseTo(low, 6);
          expect(measured.bounds?.optimistic ?? measured.value).toBeCloseTo(high, 6);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('does not depend on the order of the gallery or on adding a constant to every score', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ level: fc.integer({ min: 0, max: 5 }), label: fc.constantFrom('a', 'b') }), {
          minLength: 1,
          maxLength: 40,
        }),
        fc.integer({ min: 0, max: 2 ** 31 }),
        fc.integer({ min: -8, max: 8 }),
        async (items, seed, shift) => {
          const order = createRng(seed).shuffle(items.map((_, i) => i));
          const run = (list: typeof items, by: number) =>
            oneQuery(
              list.map((item) => (item.level + by) / 8),
              list.map((item) => item.label),
            );
          const plain = await run(items, 0);
          const moved = await run(
            order.map((i) => items[i]!),
            shift,
          );
          expect(moved).toEqual(plain);
        },
      ),
    );
  });

  it('equals sorting a separate gallery that holds some of the queries', async () => {
    const rng = createRng(8);
    const dimension = 12;
    const draw = (rows: number) => ({
      vectors: Float32Array.from({ length: rows * dimension }, () => rng.normal() / 4),
      labels: Array.from({ length: rows }, () => `c${rng.int(8)}`),
    });
    const gallery = { ...draw(300), ids: Array.from({ length: 300 }, (_, i) => `g${i}`) };
    const queries = { ...draw(40), ids: Array.from({ length: 40 }, (_, i) => `q${i}`) };
    const self = queries.ids.map((_, q) => (q % 2 === 0 ? q * 7 : -1));
    self.forEach((row, q) => {
      if (row < 0) return;
      queries.ids[q] = gallery.ids[row]!;
      queries.labels[q] = gallery.labels[row]!;
      queries.vectors.set(gallery.vectors.subarray(row * dimension, (row + 1) * dimension), q * dimension);
    });
    const ks = [1, 3, 10, 30];
    const all = plainScores({ queries: queries.vectors, gallery: gallery.vectors, dimension });
    const naive = naiveRanking({
      scores: (q, row) => all[q * 300 + row]!,
      queryLabels: queries.labels,
      galleryLabels: gallery.labels,
      self,
      ks,
    });
    const report = await evaluateRetrieval({ dimension, queries, gallery, ks });
    expect(report.queries).toBe(40);
    ks.forEach((k, i) => {
      expect(report.recall.get(k)!.value).toBeCloseTo(naive.recall[i]!, 12);
    });
    expect(report.rPrecision.value).toBeCloseTo(naive.rPrecision, 12);
    expect(report.mapAtR.value).toBeCloseTo(naive.mapAtR, 12);
  });

  // training-anchors section 3: 200 items, 20 classes of 10. Other evaluators report 5 % to 100 % here.
  it('gives a collapsed model its chance level, with the bounds beside it', async () => {
    const labels = Array.from({ length: 200 }, (_, i) => `c${i % 20}`);
    const vectors = new Float32Array(200 * 4).fill(0.5);
    const report = await evaluateRetrieval({ dimension: 4, queries: { vectors, labels }, ks: [1] });
    expect(report.recall.get(1)!.value).toBeCloseTo(9 / 199, 12);
    expect(report.recall.get(1)!.bounds).toEqual({ pessimistic: 0, optimistic: 1 });
    expect(report.rPrecision.value).toBeCloseTo(9 / 199, 12);
    expect(report.queries).toBe(200);
  });

  it('treats exact duplicates as ties although the dot product rounds', async () => {
    const rng = createRng(5);
    const unit = Float32Array.from({ length: 300 }, () => rng.normal() / Math.sqrt(300));
    const vectors = new Float32Array(3 * 300);
    for (let row = 0; row < 3; row++) vectors.set(unit, row * 300);
    const scores = plainScores({ queries: unit, gallery: vectors, dimension: 300 });
    const report = await evaluateRetrieval({
      dimension: 300,
      queries: { vectors: unit, labels: ['a'] },
      gallery: { vectors, labels: ['a', 'b', 'b'] },
      ks: [1],
      scores: () => scores.map((s, i) => s + (i - 1) * 1e-8),
    });
    expect(report.recall.get(1)!.value).toBeCloseTo(1 / 3, 12);
  });

  it('leaves a query out of its own gallery by id, wherever it stands there', async () => {
    const vectors = Float32Array.of(1, 0, 1, 0, 0, 1);
    const gallery = { vectors, labels: ['a', 'b', 'a'], ids: ['x', 'y', 'z'] };
    const queries = { vectors: Float32Array.of(1, 0), labels: ['a'], ids: ['x'] };
    const bySet = await evaluateRetrieval({ dimension: 2, queries, gallery, ks: [1, 2] });
    expect(bySet.recall.get(1)!.value).toBe(0);
    expect(bySet.recall.get(2)!.value).toBe(1);
    const withoutIds = await evaluateRetrieval({
      dimension: 2,
      queries: { vectors: queries.vectors, labels: ['a'] },
      gallery,
      ks: [1],
    });
    expect(withoutIds.recall.get(1)!.value).toBe(0.5);
  });

  it('lets a query meet nothing of its own source, as if the gallery did not have it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            level: fc.integer({ min: 0, max: 5 }),
            label: fc.constantFrom('a', 'b', 'c'),
            source: fc.constantFrom('x', 'y', 'z'),
          }),
          { minLength: 2, maxLength: 20 },
        ),
        async (items) => {
          const set = (some: typeof items) => ({
            vectors: Float32Array.from(some.flatMap(({ level }) => [1, level / 8])),
            labels: some.map(({ label }) => label),
          });
          const sources = items.map(({ source }) => source);
          const report = await evaluateRetrieval({
            dimension: 2,
            queries: { ...set(items), sources },
            ks: [1, 3],
          });
          for (const [q, item] of items.entries()) {
            const gallery = set(items.filter(({ source }) => source !== item.source));
            const alone = await evaluateRetrieval({
              dimension: 2,
              queries: set([item]),
              gallery,
              ks: [1, 3],
            });
            expect(report.perQuery.mapAtR[q]).toEqual(alone.perQuery.mapAtR[0]);
            expect(report.perQuery.recall.get(3)![q]).toEqual(alone.perQuery.recall.get(3)![0]);
          }
        },
      ),
      { numRuns: 50 },
    );
    const one = { vectors: Float32Array.of(1), labels: ['a'] };
    await expect(
      evaluateRetrieval({ dimension: 1, queries: { ...one, sources: ['x'] }, gallery: one }),
    ).rejects.toThrow('sources: expected those of queries and gallery, or neither');
  });

  it('counts lone queries and leaves them out of the means', async () => {
    const vectors = Float32Array.of(1, 0, 1, 0, 0, 1);
    const report = await evaluateRetrieval({
      dimension: 2,
      queries: { vectors, labels: ['a', 'a', 'alone'] },
      ks: [1],
    });
    expect(report).toMatchObject({ queries: 2, lone: 1 });
    expect(report.recall.get(1)).toEqual({ value: 1 });
    expect([...report.perQuery.recall.get(1)!]).toEqual([1, 1, Number.NaN]);
    expect([...report.perQuery.rPrecision]).toEqual([1, 1, Number.NaN]);
  });

  it('gives the same report in one block and in many', async () => {
    const rng = createRng(1);
    const count = 6000;
    const vectors = Float32Array.from({ length: count * 4 }, () => rng.normal());
    const labels = Array.from({ length: count }, () => `c${rng.int(600)}`);
    const calls: number[] = [];
    const blocked = await evaluateRetrieval({
      dimension: 4,
      queries: { vectors, labels },
      scores: (request) => {
        calls.push(request.queries.length / 4);
        return plainScores(request);
      },
    });
    expect(calls.length).toBeGreaterThan(1);
    const naive = await Promise.all(
      [0, 1500, 5999].map((q) =>
        evaluateRetrieval({
          dimension: 4,
          queries: { vectors: vectors.slice(q * 4, q * 4 + 4), labels: [labels[q]!], ids: [String(q)] },
          gallery: { vectors, labels, ids: labels.map((_, i) => String(i)) },
        }),
      ),
    );
    [0, 1500, 5999].forEach((q, i) => {
      expect(blocked.perQuery.mapAtR[q]).toBe(naive[i]!.perQuery.mapAtR[0]);
    });
  });

  it.each([
    [{ vectors: Float32Array.of(1, Number.NaN), labels: ['a'] }, /queries.vectors\[1\]: expected a finite/],
    [{ vectors: Float32Array.of(1), labels: ['a'] }, /queries.vectors: expected 1 x 2 values/],
    [{ vectors: Float32Array.of(1, 0), labels: ['a'], ids: [] }, /queries.ids: expected 1 ids/],
  ])('refuses sets that do not fit', async (queries, message) => {
    await expect(evaluateRetrieval({ dimension: 2, queries })).rejects.toThrow(message);
  });

  it('refuses unknown options and bad ks by name', async () => {
    const queries = { vectors: Float32Array.of(1, 0), labels: ['a'] };
    await expect(evaluateRetrieval({ dimension: 2, queries, k: 1 } as never)).rejects.toThrow(
      /unknown option "k"/,
    );
    await expect(evaluateRetrieval({ dimension: 2, queries, ks: [0] })).rejects.toThrow(/ks: expected/);
  });
});
