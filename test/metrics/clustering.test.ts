import { describe, expect, it } from 'vitest';
import { createRng } from '../../src/math/rng.ts';
import { evaluateClustering } from '../../src/metrics/clustering.ts';
import { kMeans } from '../../src/metrics/k-means.ts';

const rng = createRng(6);
/** `k` clouds of `size` rows around random centres; `spread` 0.05 keeps them apart. */
function clouds(k: number, size: number, dimension: number, spread: number) {
  const centres = Float32Array.from({ length: k * dimension }, () => rng.normal());
  const labels = Array.from({ length: k * size }, (_, i) => `c${i % k}`);
  const vectors = Float32Array.from({ length: k * size * dimension }, (_, at) => {
    const row = Math.floor(at / dimension);
    return centres[(row % k) * dimension + (at % dimension)]! + spread * rng.normal();
  });
  return { vectors, labels, dimension };
}
function unit({ vectors, dimension, labels }: ReturnType<typeof clouds>) {
  const out = vectors.slice();
  for (let at = 0; at < out.length; at += dimension) {
    const row = out.subarray(at, at + dimension);
    const norm = Math.hypot(...row);
    row.forEach((x, j) => {
      row[j] = x / norm;
    });
  }
  return { vectors: out, dimension, labels };
}

describe('kMeans', () => {
  it.each(['euclidean', 'spherical'] as const)(
    'ends where no row and no centre wants to move (%s)',
    async (kind) => {
      const { vectors, dimension } = unit(clouds(6, 30, 5, 0.6));
      const { clusters, centres, inertia } = await kMeans({ vectors, dimension, k: 6, seed: 1, kind });
      let sum = 0;
      const means = Array.from({ length: 6 }, () => new Array<number>(dimension).fill(0));
      const sizes = new Array<number>(6).fill(0);
      clusters.forEach((cluster, row) => {
        const x = vectors.subarray(row * dimension, (row + 1) * dimension);
        const distances = Array.from({ length: 6 }, (_, c) =>
          x.reduce((total, v, j) => total + (v - centres[c * dimension + j]!) ** 2, 0),
        );
        expect(distances[cluster]!).toBeCloseTo(Math.min(...distances), 5);
        sum += distances[cluster]!;
        sizes[cluster]!++;
        x.forEach((v, j) => {
          means[cluster]![j]! += v;
        });
      });
      expect(inertia).toBeCloseTo(sum, 3);
      means.forEach((mean, c) => {
        const scale = kind === 'euclidean' ? sizes[c]! : Math.hypot(...mean);
        mean.forEach((x, j) => {
          expect(centres[c * dimension + j]!).toBeCloseTo(x / scale, 5);
        });
      });
    },
  );

  it('finds clouds that stand apart, the same ones for the same seed', async () => {
    const set = clouds(20, 15, 16, 0.05);
    const run = () => kMeans({ vectors: set.vectors, dimension: 16, k: 20, seed: 4, restarts: 1 });
    const { clusters } = await run();
    expect(new Set(set.labels.map((label, row) => `${label} ${clusters[row]}`)).size).toBe(20);
    expect((await run()).clusters).toEqual(clusters);
  });

  it('keeps the best of its restarts', async () => {
    const { vectors, dimension } = clouds(30, 6, 3, 0.1);
    const inertia = async (restarts: number) =>
      (await kMeans({ vectors, dimension, k: 30, seed: 2, restarts, start: 'random' })).inertia;
    expect(await inertia(12)).toBeLessThan(await inertia(1));
  });

  it('fills every cluster although there are fewer different rows', async () => {
    const vectors = Float32Array.of(1, 0, 1, 0, 1, 0, 0, 1, 0, 1);
    const { clusters, inertia } = await kMeans({ vectors, dimension: 2, k: 4, seed: 0 });
    expect(new Set(clusters).size).toBe(4);
    expect(inertia).toBe(0);
  });

  it('refuses what does not fit', async () => {
    const vectors = Float32Array.of(1, 0, 0, 1);
    await expect(kMeans({ vectors, dimension: 2, k: 3, seed: 0 })).rejects.toThrow(
      /k: expected .* from 1 to 2/,
    );
    await expect(kMeans({ vectors, dimension: 3, k: 1, seed: 0 })).rejects.toThrow(
      /vectors: expected rows of 3/,
    );
    const aborted = kMeans({ vectors, dimension: 2, k: 1, seed: 0, signal: AbortSignal.abort() });
    await expect(aborted).rejects.toThrow(/abort/i);
  });
});

describe('evaluateClustering', () => {
  it('is 1 for classes that stand apart and about 0 AMI for labels that mean nothing', async () => {
    const set = unit(clouds(10, 12, 16, 0.02));
    const found = await evaluateClustering({ ...set, restarts: 3 });
    expect(found.ami).toEqual({ mean: 1, sd: 0, values: [1, 1, 1, 1, 1] });
    expect(found.nmi.mean).toBeCloseTo(1, 12);
    const labels = rng.shuffle(set.labels.slice());
    const chance = await evaluateClustering({ ...set, labels });
    expect(Math.abs(chance.ami.mean)).toBeLessThan(0.1);
    expect(chance.nmi.mean).toBeGreaterThan(chance.ami.mean + 0.1);
  });

  it('reports the spread over its seeds', async () => {
    const set = unit(clouds(10, 12, 6, 0.8));
    const { ami } = await evaluateClustering({ ...set, seeds: [1, 2, 3] });
    expect(ami.values).toHaveLength(3);
    const mean = ami.values.reduce((sum, x) => sum + x, 0) / 3;
    expect(ami.mean).toBeCloseTo(mean, 12);
    const squares = ami.values.reduce((sum, x) => sum + (x - mean) ** 2, 0);
    expect(ami.sd).toBeCloseTo(Math.sqrt(squares / 2), 12);
    expect(ami.sd).toBeGreaterThan(0);
  });
});
