import { describe, expect, it } from 'vitest';
import { createRng } from '../../src/math/rng.ts';
import { bootstrapByClass } from '../../src/metrics/bootstrap.ts';

describe('bootstrapByClass', () => {
  it('is as wide as the spread of class means says, however many queries repeat a class', () => {
    const rng = createRng(3);
    const classes = 100;
    const means = Array.from({ length: classes }, () => rng.normal());
    const values = Float64Array.from({ length: classes * 20 }, (_, i) => means[i % classes]!);
    const labels = Array.from(values, (_, i) => `c${i % classes}`);
    const mean = means.reduce((a, b) => a + b) / classes;
    const sd = Math.sqrt(means.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (classes - 1));
    const { low, high } = bootstrapByClass({ values, labels, seed: 1, resamples: 4000 });
    const half = (1.96 * sd) / Math.sqrt(classes);
    expect(low).toBeCloseTo(mean - half, 1);
    expect(high).toBeCloseTo(mean + half, 1);
    expect(bootstrapByClass({ values, labels, seed: 1, resamples: 4000 })).toEqual({ low, high });
  });

  it('leaves lone queries out and refuses nothing but lone queries', () => {
    const values = Float64Array.of(Number.NaN, 1, 1);
    expect(bootstrapByClass({ values, labels: ['a', 'b', 'b'], seed: 0 })).toEqual({ low: 1, high: 1 });
    expect(() => bootstrapByClass({ values: Float64Array.of(Number.NaN), labels: ['a'], seed: 0 })).toThrow(
      /values: expected at least one number/,
    );
  });
});
