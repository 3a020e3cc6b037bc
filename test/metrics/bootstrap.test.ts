import { describe, expect, it } from 'vitest';
import { createRng } from '../../src/math/rng.ts';
import { bootstrapByClass, pairedBootstrap } from '../../src/metrics/bootstrap.ts';

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

describe('pairedBootstrap', () => {
  const rng = createRng(9);
  const classes = Array.from({ length: 2000 }, (_, i) => `c${i % 100}`);
  const hard = Array.from({ length: 100 }, () => rng.next());
  const b = Float64Array.from(classes, (_, i) => hard[i % 100]!);

  it('finds a small gain that both methods have on every class, where two separate intervals overlap', () => {
    const a = b.map((x) => x + 0.01 + 0.005 * rng.normal());
    const paired = pairedBootstrap({ a, b, classes, seed: 1 });
    expect(paired.difference).toBeCloseTo(0.01, 3);
    expect(paired.low).toBeGreaterThan(0.008);
    expect(paired.high).toBeLessThan(0.012);
    expect(paired.probabilityAbove0).toBe(1);
    const [one, other] = [a, b].map((values) => bootstrapByClass({ values, labels: classes, seed: 1 }));
    expect(one!.low).toBeLessThan(other!.high);
  });

  it('is antisymmetric: swapping the methods mirrors the interval and the probability', () => {
    const a = b.map((x) => x + 0.1 * rng.normal());
    const ab = pairedBootstrap({ a, b, classes, seed: 1 });
    const ba = pairedBootstrap({ a: b, b: a, classes, seed: 1 });
    expect(ba.difference).toBeCloseTo(-ab.difference, 12);
    expect(ba.low).toBeCloseTo(-ab.high, 3);
    expect(ba.probabilityAbove0 + ab.probabilityAbove0).toBeCloseTo(1, 12);
  });

  it('knows nothing from one class, and calls equal methods a coin toss', () => {
    const few = { a: [0.5, 0.7], b: [0.4, 0.5], classes: ['x', 'x'], seed: 0 };
    const { low, high } = pairedBootstrap(few);
    expect(low).toBeCloseTo(0.15, 12);
    expect(high).toBe(low);
    const equal = { difference: 0, low: 0, high: 0, probabilityAbove0: 0.5 };
    expect(pairedBootstrap({ ...few, b: few.a })).toEqual(equal);
  });

  it('leaves lone queries out and refuses methods scored on different queries', () => {
    const { NaN: lone } = Number;
    const classes = [1, 2, 3];
    expect(pairedBootstrap({ a: [lone, 1, 1], b: [lone, 0, 0], classes, seed: 0 }).difference).toBe(1);
    expect(() => pairedBootstrap({ a: [lone, 1, 1], b: [0, 0, 0], classes, seed: 0 })).toThrow(/b\[0\]/);
    expect(() => pairedBootstrap({ a: [1], b: [0], classes, seed: 0 })).toThrow(/classes: expected 1/);
    expect(() => pairedBootstrap({ a: [lone], b: [lone], classes: [0], seed: 0 })).toThrow(/at least one/);
  });
});
