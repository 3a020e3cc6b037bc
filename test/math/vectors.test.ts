import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dot } from '../../src/math/dot.ts';
import { normalised } from '../../src/math/normalise.ts';
import { TopK } from '../../src/math/top-k.ts';

const component = fc.float({ noNaN: true, min: -1000, max: 1000 });

describe('dot', () => {
  test('is the sum of products, at any offset and length', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(component, component), { maxLength: 40 }), fc.nat(5), (pairs, at) => {
        const a = new Float32Array(at + pairs.length);
        const b = Float32Array.from(pairs, (p) => p[1]);
        for (let i = 0; i < pairs.length; i++) a[at + i] = pairs[i]![0];
        const expected = pairs.reduce((sum, [x, y]) => sum + x * y, 0);
        const scale = pairs.reduce((sum, [x, y]) => sum + Math.abs(x * y), 0);
        expect(Math.abs(dot(a, at, b, 0, pairs.length) - expected)).toBeLessThanOrEqual(1e-13 * scale);
      }),
    );
  });
});

describe('normalised', () => {
  test('has length one and the same direction', () => {
    for (const scale of [1e-42, 1e-20, 1, 1e20, 3e37]) {
      const unit = normalised(Float32Array.of(3 * scale, 0, -4 * scale))!;
      expect(unit[0]).toBeCloseTo(0.6, 2);
      expect(unit[2]).toBeCloseTo(-0.8, 2);
    }
  });

  test('leaves its argument alone', () => {
    const vector = Float32Array.of(3, 4);
    normalised(vector);
    expect(vector).toEqual(Float32Array.of(3, 4));
  });

  test('what has no direction has no unit vector', () => {
    for (const bad of [[0, 0], [Number.NaN, 1], [Number.POSITIVE_INFINITY, 1], []]) {
      expect(normalised(Float32Array.from(bad))).toBeUndefined();
    }
  });
});

describe('TopK', () => {
  test('is the head of a full sort, with ties by key', () => {
    const scores = fc.array(fc.constantFrom(-1, -0.5, 0, 0.25, 0.5, 0.1, 1), { maxLength: 60 });
    fc.assert(
      fc.property(scores, fc.nat(70), (scores, k) => {
        const top = new TopK(k);
        scores.forEach((score, key) => {
          top.push(key, score);
        });
        const naive = scores
          .map((score, key) => ({ key, score: Math.fround(score) }))
          .sort((a, b) => b.score - a.score || a.key - b.key)
          .slice(0, k);
        const { keys, scores: kept } = top.take();
        expect([...keys]).toEqual(naive.map((hit) => hit.key));
        expect([...kept]).toEqual(naive.map((hit) => hit.score));
      }),
    );
  });

  test('scores that differ only beyond f32 are ties', () => {
    const top = new TopK(1);
    top.push(2, 0.5 + 1e-12);
    top.push(1, 0.5);
    expect([...top.take().keys]).toEqual([1]);
  });
});
