import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addLabelNoise, NOISE_KINDS, nearestClasses } from '../../src/dataset/noise.ts';

const labelled = fc
  .array(fc.integer({ min: 0, max: 6 }), { minLength: 4, maxLength: 60 })
  .filter((all) => new Set(all).size > 1)
  .map((all) => all.map((label) => `c${label}`));

/** Every class is taken for the next one. */
const next = (labels: readonly string[]) => {
  const names = [...new Set(labels)];
  return new Map(names.map((name, i) => [name, names[(i + 1) % names.length]!]));
};

describe('addLabelNoise', () => {
  it.each(NOISE_KINDS)('%s: exactly the rate is wrong, the rest is as it was, the seed decides', (kind) => {
    fc.assert(
      fc.property(
        labelled,
        fc.double({ min: 0, max: 0.9, noNaN: true }),
        fc.nat(1000),
        (labels, rate, seed) => {
          const options = { labels, kind, rate, seed, nearest: next(labels) };
          const noise = addLabelNoise(options);
          expect(noise.changed).toHaveLength(Math.round(rate * labels.length));
          const wrong = labels.flatMap((label, row) => (noise.labels[row] === label ? [] : [row]));
          expect(noise.changed).toEqual(wrong);
          for (const label of noise.labels) expect(labels).toContain(label);
          expect(addLabelNoise(options)).toEqual(noise);
        },
      ),
    );
  });

  it('symmetric: all other classes are about equally likely', () => {
    const labels = Array.from({ length: 6000 }, (_, i) => `c${i % 4}`);
    const { labels: noisy } = addLabelNoise({ labels, kind: 'symmetric', rate: 0.5, seed: 1 });
    const counts = new Map<string, number>();
    noisy.forEach((label, row) => {
      if (label !== labels[row])
        counts.set(`${labels[row]}>${label}`, (counts.get(`${labels[row]}>${label}`) ?? 0) + 1);
    });
    expect(counts.size).toBe(12);
    for (const count of counts.values()) expect(Math.abs(count - 250)).toBeLessThan(60);
  });

  it('asymmetric: every wrong label is that of the nearest class', () => {
    const labels = ['a', 'a', 'b', 'b', 'c', 'c'];
    const features = Float32Array.of(1, 0, 1, 0, 0.8, 0.6, 0.8, 0.6, -1, 0, -1, 0);
    const nearest = nearestClasses({ features, labels, dimension: 2 });
    expect(Object.fromEntries(nearest)).toEqual({ a: 'b', b: 'a', c: 'b' });
    const { labels: noisy, changed } = addLabelNoise({
      labels,
      kind: 'asymmetric',
      rate: 0.5,
      seed: 3,
      nearest,
    });
    expect(changed).toHaveLength(3);
    for (const row of changed) expect(noisy[row]).toBe(nearest.get(labels[row]!));
  });

  it('small-cluster: all but one of the wrong classes are wrong as a whole, and agree', () => {
    const labels = Array.from({ length: 100 }, (_, i) => `c${i % 10}`);
    const { labels: noisy } = addLabelNoise({ labels, kind: 'small-cluster', rate: 0.35, seed: 2 });
    const names = [...new Set(labels)];
    const outcomes = names.map((name) => new Set(noisy.filter((_, row) => labels[row] === name)));
    const untouched = outcomes.filter((set, i) => set.size === 1 && set.has(names[i]!)).length;
    const moved = outcomes.filter((set, i) => set.size === 1 && !set.has(names[i]!)).length;
    expect([untouched, moved, outcomes.length - untouched - moved]).toEqual([6, 3, 1]);
  });

  it.each([
    ['rate', { rate: 1 }],
    ['kind', { kind: 'loud' }],
    ['nearest', { kind: 'asymmetric', rate: 0.5 }],
    ['labels', { labels: ['a', 'a'], rate: 0.5 }],
  ])('refuses %s', (field, change) => {
    const options = { labels: ['a', 'b'], kind: 'symmetric', rate: 0.2, seed: 1, ...change };
    expect(() => addLabelNoise(options as never)).toThrow(expect.objectContaining({ field }));
  });
});
