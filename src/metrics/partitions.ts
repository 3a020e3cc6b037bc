// Agreement of two partitions of the same items: NMI, and AMI, which takes off what chance alone would agree. Exact, in
// f64. Not the clustering (k-means.ts).

import { invalid, refuseUnknown } from '../errors/error.ts';

export interface PartitionOptions {
  /** [items]: part of each item in either partition; any equal-or-not values. */
  readonly a: ArrayLike<string | number>;
  readonly b: ArrayLike<string | number>;
}

/**
 * Arithmetic-mean normalisation, as scikit-learn's default: NMI = I / mean(H(a), H(b)) and, with the expected mutual
 * information E under the permutation model, AMI = (I - E) / (mean(H(a), H(b)) - E) (Vinh, Epps and Bailey 2010, eq. 24a).
 * Two partitions that are both one part, or both all single items, agree by 1. Time: items plus, for E, the product of the
 * distinct part sizes on either side times the smaller size. Throws `invalid_argument` on unequal lengths or no items.
 */
export function partitionAgreement(options: PartitionOptions): { nmi: number; ami: number } {
  refuseUnknown(options, ['a', 'b'], 'partitionAgreement');
  const { a, b } = options;
  const n = a.length;
  if (n === 0) throw invalid('a', 'at least one item', a.length);
  if (b.length !== n) throw invalid('b', `${n} values, as in a`, b.length);
  const [left, right] = [numbered(a), numbered(b)];
  const [rows, columns] = [left.sizes.length, right.sizes.length];
  if (rows === columns && (rows === 1 || rows === n)) return { nmi: 1, ami: 1 };

  const cells = new Map<number, number>();
  for (let i = 0; i < n; i++) {
    const cell = left.parts[i]! * columns + right.parts[i]!;
    cells.set(cell, (cells.get(cell) ?? 0) + 1);
  }
  let information = 0;
  for (const [cell, count] of cells) {
    const [x, y] = [left.sizes[Math.floor(cell / columns)]!, right.sizes[cell % columns]!];
    information += (count / n) * Math.log((n * count) / (x * y));
  }
  // Rounding may leave independent partitions a hair below zero.
  information = Math.max(0, information);
  const normaliser = (entropy(left.sizes, n) + entropy(right.sizes, n)) / 2;
  const expected = expectedInformation(left.sizes, right.sizes, n);
  return { nmi: information / normaliser, ami: (information - expected) / (normaliser - expected) };
}

function numbered(values: ArrayLike<string | number>): { parts: Uint32Array; sizes: number[] } {
  const numbers = new Map<string | number, number>();
  const sizes: number[] = [];
  const parts = Uint32Array.from({ length: values.length }, (_, i) => {
    let part = numbers.get(values[i]!);
    if (part === undefined) {
      part = sizes.push(0) - 1;
      numbers.set(values[i]!, part);
    }
    sizes[part]!++;
    return part;
  });
  return { parts, sizes };
}

const entropy = (sizes: readonly number[], n: number) =>
  sizes.reduce((sum, size) => sum - (size / n) * Math.log(size / n), 0);

/** Parts of equal size expect the same, so pairs of sizes are summed once, times how often they occur. */
function expectedInformation(left: readonly number[], right: readonly number[], n: number): number {
  const logFactorial = new Float64Array(n + 1);
  for (let i = 2; i <= n; i++) logFactorial[i] = logFactorial[i - 1]! + Math.log(i);
  const f = (i: number) => logFactorial[i]!;
  let expected = 0;
  for (const [x, timesX] of occurrences(left)) {
    for (const [y, timesY] of occurrences(right)) {
      const fixed = f(x) + f(y) + f(n - x) + f(n - y) - f(n);
      let sum = 0;
      for (let both = Math.max(1, x + y - n); both <= Math.min(x, y); both++) {
        const chance = fixed - f(both) - f(x - both) - f(y - both) - f(n - x - y + both);
        sum += (both / n) * Math.log((n * both) / (x * y)) * Math.exp(chance);
      }
      expected += timesX * timesY * sum;
    }
  }
  return expected;
}

function occurrences(sizes: readonly number[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const size of sizes) counts.set(size, (counts.get(size) ?? 0) + 1);
  return counts;
}
