import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addLabelNoise, NOISE_KINDS, nearestClasses, similarPairs } from '../../src/dataset/noise.ts';

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

  it('small-cluster: whole classes go, pair by pair, into classes that stay whole', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 4, max: 10 }),
        fc.integer({ min: 2, max: 9 }),
        fc.double({ min: 0.05, max: 0.7, noNaN: true }),
        fc.nat(1000),
        (classes, size, rate, seed) => {
          const labels = Array.from({ length: classes * size }, (_, i) => `c${i % classes}`);
          const { labels: noisy, changed } = addLabelNoise({ labels, kind: 'small-cluster', rate, seed });
          const moved = new Set(changed.map((row) => labels[row]!));
          const whole = [...new Set(labels)].filter((label) => !moved.has(label));
          expect(moved.size).toBe(Math.ceil(changed.length / size));
          for (const row of changed) expect(whole).toContain(noisy[row]);
          const gone = [...moved].filter((label) => !noisy.includes(label));
          expect(moved.size - gone.length).toBe(changed.length % size === 0 ? 0 : 1);
        },
      ),
    );
  });

  it('small-cluster: one cluster gets one label, and the clusters of a class get several', () => {
    const labels = Array.from({ length: 400 }, (_, i) => `c${i % 20}`);
    const clusters = labels.map((_, i) => Math.floor(i / 40));
    const { labels: noisy } = addLabelNoise({ labels, kind: 'small-cluster', rate: 0.5, seed: 2, clusters });
    const targets = new Map<string, Set<string>>();
    for (const [row, label] of noisy.entries()) {
      const key = `${labels[row]} ${clusters[row]}`;
      targets.set(key, (targets.get(key) ?? new Set()).add(label));
    }
    expect([...targets.values()].every((set) => set.size === 1)).toBe(true);
    expect(new Set(noisy).size).toBe(10);
    for (const label of new Set(labels.filter((name) => !noisy.includes(name)))) {
      const landed = new Set(noisy.filter((_, row) => labels[row] === label));
      expect(landed.size).toBeGreaterThan(3);
    }
  });

  it('similarPairs: each row with its most similar free row of the class', () => {
    const angles = [0, 90, 5, 100, 45, 0, 1];
    const labels = ['a', 'a', 'a', 'a', 'a', 'b', 'b'];
    const features = Float32Array.from(
      angles.flatMap((angle) => [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)]),
    );
    expect([...similarPairs({ features, labels, dimension: 2 })]).toEqual([0, 1, 0, 1, 2, 0, 0]);
  });

  it('nearestClasses: as the naive search over class means finds, whatever the length of the means', () => {
    fc.assert(
      fc.property(
        labelled,
        fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 180, maxLength: 180 }),
        (labels, values) => {
          const unit = labels.map((_, row) => {
            const v = [values[row * 3]! + 1e-3, values[row * 3 + 1]!, values[row * 3 + 2]!];
            return v.map((x) => Math.fround(x / Math.hypot(...v)));
          });
          const means = new Map(
            [...new Set(labels)].map((name) => {
              const mine = unit.filter((_, row) => labels[row] === name);
              const mean = [0, 1, 2].map((d) => mine.reduce((sum, v) => sum + v[d]!, 0) / mine.length);
              return [name, mean.map((x) => x / (Math.hypot(...mean) || 1))];
            }),
          );
          const cosine = (a: string, b: string) =>
            means.get(a)!.reduce((sum, x, d) => sum + x * means.get(b)![d]!, 0);
          const found = nearestClasses({ features: Float32Array.from(unit.flat()), labels, dimension: 3 });
          for (const [name, nearest] of found) {
            const best = Math.max(...[...means.keys()].filter((o) => o !== name).map((o) => cosine(name, o)));
            expect(nearest).not.toBe(name);
            expect(cosine(name, nearest)).toBeCloseTo(best, 9);
          }
        },
      ),
    );
  });

  it.each([
    ['rate', { rate: 1 }],
    ['kind', { kind: 'loud' }],
    ['nearest', { kind: 'asymmetric', rate: 0.5 }],
    ['labels', { labels: ['a', 'a'], rate: 0.5 }],
    ['clusters', { kind: 'small-cluster', clusters: [0] }],
  ])('refuses %s', (field, change) => {
    const options = { labels: ['a', 'b'], kind: 'symmetric', rate: 0.2, seed: 1, ...change };
    expect(() => addLabelNoise(options as never)).toThrow(expect.objectContaining({ field }));
  });
});
