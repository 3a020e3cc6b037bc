import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitClasses } from '../../src/dataset/split.ts';

describe('splitClasses', () => {
  it('puts every row on one side and every class on one side', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 80 }),
        fc.double({ min: 0.1, max: 0.9, noNaN: true }),
        fc.nat(),
        (classes, fraction, seed) => {
          const labels = classes.map((c) => `c${c}`);
          const count = new Set(labels).size;
          const wanted = Math.round(fraction * count);
          fc.pre(wanted > 0 && wanted < count);
          const { kept, held } = splitClasses({ labels, fraction, seed });
          expect([...kept, ...held].sort((a, b) => a - b)).toEqual(labels.map((_, i) => i));
          const heldClasses = new Set(held.map((i) => labels[i]));
          expect(heldClasses.size).toBe(wanted);
          expect(kept.some((i) => heldClasses.has(labels[i]))).toBe(false);
        },
      ),
    );
  });

  it('depends on the classes and the seed, not on order or number of rows', () => {
    const labels = Array.from({ length: 40 }, (_, i) => `c${i % 20}`);
    const heldOf = (list: string[], seed: number) =>
      [...new Set(splitClasses({ labels: list, fraction: 0.5, seed }).held.map((i) => list[i]!))].sort();
    expect(heldOf([...labels].reverse().slice(7), 1)).toEqual(heldOf(labels, 1));
    expect(heldOf(labels, 2)).not.toEqual(heldOf(labels, 1));
  });

  it('holds out nothing at 0 and refuses a share that leaves a side empty', () => {
    expect(splitClasses({ labels: ['a', 'b'], fraction: 0, seed: 1 })).toEqual({ kept: [0, 1], held: [] });
    expect(() => splitClasses({ labels: ['a', 'b'], fraction: 0.1, seed: 1 })).toThrow(/fraction: expected/);
    expect(() => splitClasses({ labels: ['a', 'b'], fraction: 1, seed: 1 })).toThrow(/fraction: expected/);
  });
});
