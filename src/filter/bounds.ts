// Ranges of numbers as two bounds that are both within: what loops over many numbers compare with.

import { type Range, type Test, typeOf } from './filter.ts';

/** The least and the greatest number in a range of numbers; undefined for other tests. */
export function boundsOf(test: Test): readonly [low: number, high: number] | undefined {
  if (test.op !== 'range' || typeOf(test) !== 'number') return undefined;
  const { gt = -Infinity, gte = gt, lt = Infinity, lte = lt } = test as Record<keyof Range, number>;
  // Attributes are finite, so an infinite bound is none.
  return [Math.max(gte, nextUp(gt)), Math.min(lte, -nextUp(-lt))];
}

/** The next number above; infinite ones stay. */
function nextUp(value: number): number {
  if (value === 0) return Number.MIN_VALUE;
  if (!Number.isFinite(value)) return value;
  const bits = new BigInt64Array(Float64Array.of(value).buffer);
  bits[0]! += value > 0 ? 1n : -1n;
  return new Float64Array(bits.buffer)[0]!;
}
