// Gaussian classes whose differences lie in a few directions, under noise that lies in others and is much larger: what a head
// can learn, and what it must learn to ignore.

import { createRng, type Rng } from '../../../src/math/rng.ts';

export const DIMENSION_IN = 32;
const SIGNAL = 8;
const PER_CLASS = 8;

export interface Split {
  /** [samples, DIMENSION_IN] */
  readonly features: Float32Array;
  readonly labels: Int32Array;
}

export interface SyntheticSet {
  readonly train: Split;
  readonly validation: Split;
  readonly test: Split;
}

/** Three splits without a class in common, in coordinates rotated at random. */
export function syntheticSet(seed: number): SyntheticSet {
  const rng = createRng(seed);
  const basis = orthonormal(rng);
  const split = (classes: number): Split => {
    const labels = Int32Array.from({ length: classes * PER_CLASS }, (_, i) => Math.floor(i / PER_CLASS));
    const centres = Array.from({ length: classes }, () => Array.from({ length: SIGNAL }, () => rng.normal()));
    const features = new Float32Array(labels.length * DIMENSION_IN);
    for (const [i, label] of labels.entries()) {
      for (let k = 0; k < DIMENSION_IN; k++) {
        const value = k < SIGNAL ? centres[label]![k]! + 0.3 * rng.normal() : 2 * rng.normal();
        for (let j = 0; j < DIMENSION_IN; j++) features[i * DIMENSION_IN + j]! += value * basis[k]![j]!;
      }
    }
    return { features, labels };
  };
  return { train: split(40), validation: split(20), test: split(40) };
}

export function randomHead(seed: number, dimension: number): Float32Array {
  const rng = createRng(seed);
  return Float32Array.from(
    { length: DIMENSION_IN * dimension },
    () => rng.normal() / Math.sqrt(DIMENSION_IN),
  );
}

/** Share of samples whose nearest other sample, by cosine under the head, is of their class. */
export function recallAt1({ features, labels }: Split, head: Float32Array): number {
  const dimension = head.length / DIMENSION_IN;
  const rows = Array.from(labels, (_, i) => {
    const row = Array.from({ length: dimension }, (_, j) => {
      let sum = 0;
      for (let k = 0; k < DIMENSION_IN; k++)
        sum += features[i * DIMENSION_IN + k]! * head[k * dimension + j]!;
      return sum;
    });
    const norm = Math.hypot(...row);
    return row.map((value) => value / norm);
  });
  const hits = rows.filter((row, i) => {
    const cosines = rows.map((other, j) =>
      i === j ? -2 : other.reduce((sum, x, k) => sum + x * row[k]!, 0),
    );
    return labels[cosines.indexOf(Math.max(...cosines))] === labels[i];
  });
  return hits.length / rows.length;
}

function orthonormal(rng: Rng): number[][] {
  const basis: number[][] = [];
  while (basis.length < DIMENSION_IN) {
    let row = Array.from({ length: DIMENSION_IN }, () => rng.normal());
    for (const other of basis) {
      const along = row.reduce((sum, x, i) => sum + x * other[i]!, 0);
      row = row.map((x, i) => x - along * other[i]!);
    }
    const norm = Math.hypot(...row);
    basis.push(row.map((x) => x / norm));
  }
  return basis;
}
