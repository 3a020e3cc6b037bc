import { describe, expect, it } from 'vitest';
import { createRng } from '../../src/math/rng.ts';
import { resultsByClass } from '../../src/metrics/classes.ts';
import { evaluateRetrieval } from '../../src/metrics/retrieval.ts';

describe('resultsByClass', () => {
  it('is what an evaluation of that class alone gives, and averages back to the whole', async () => {
    const rng = createRng(2);
    const dimension = 8;
    const count = 120;
    const vectors = Float32Array.from({ length: count * dimension }, () => rng.normal());
    const labels = Array.from({ length: count }, () => `c${rng.int(9)}`);
    const ids = labels.map((_, i) => String(i));
    const whole = await evaluateRetrieval({ dimension, queries: { vectors, labels }, ks: [1, 5] });
    const classes = resultsByClass({ perQuery: whole.perQuery, labels });
    expect(classes.map((c) => c.mapAtR)).toEqual(classes.map((c) => c.mapAtR).toSorted((a, b) => a - b));
    for (const one of classes) {
      const rows = ids.map(Number).filter((row) => labels[row] === one.label);
      const alone = await evaluateRetrieval({
        dimension,
        queries: {
          vectors: Float32Array.from(
            rows.flatMap((r) => [...vectors.subarray(r * dimension, (r + 1) * dimension)]),
          ),
          labels: rows.map(() => one.label),
          ids: rows.map(String),
        },
        gallery: { vectors, labels, ids },
        ks: [1, 5],
      });
      expect(one.queries).toBe(alone.queries);
      expect(one.mapAtR).toBeCloseTo(alone.mapAtR.value, 12);
      expect(one.rPrecision).toBeCloseTo(alone.rPrecision.value, 12);
      for (const k of [1, 5]) expect(one.recall.get(k)).toBeCloseTo(alone.recall.get(k)!.value, 12);
    }
    const back = classes.reduce((sum, c) => sum + c.mapAtR * c.queries, 0) / whole.queries;
    expect(back).toBeCloseTo(whole.mapAtR.value, 12);
  });

  it('puts classes that could not be scored last, with their lone queries', async () => {
    const queries = { vectors: Float32Array.of(1, 0, 1, 0, 0, 1), labels: ['b', 'b', 'a'] };
    const { perQuery } = await evaluateRetrieval({ dimension: 2, queries, ks: [1] });
    const classes = resultsByClass({ perQuery, labels: queries.labels });
    expect(classes.map((c) => c.label)).toEqual(['b', 'a']);
    expect(classes[1]).toMatchObject({ queries: 0, lone: 1, mapAtR: Number.NaN });
    expect(() => resultsByClass({ perQuery, labels: [] })).toThrow(/labels: expected 3 labels/);
  });
});
