// Class-disjoint splits: no class has rows on both sides. Pure functions of the set of labels and the seed, so the order
// of the rows and their number do not move a class from one side to the other.

import { invalid } from '../errors/error.ts';
import { createRng } from '../math/rng.ts';

export interface ClassSplit {
  /** Row numbers, ascending. */
  readonly kept: readonly number[];
  readonly held: readonly number[];
}

/**
 * Holds out the rows of round(fraction x classes) classes, drawn by the seed. Throws `invalid_argument` where the fraction
 * is not in [0, 1) or either side would be left without a class (0 holds out nothing).
 */
export function splitClasses(options: {
  labels: readonly string[];
  fraction: number;
  seed: number;
}): ClassSplit {
  const { labels, fraction, seed } = options;
  if (!(fraction >= 0 && fraction < 1))
    throw invalid('fraction', 'a number from 0 up to, not with, 1', fraction);
  const classes = [...new Set(labels)].sort();
  const count = Math.round(fraction * classes.length);
  if (fraction > 0 && (count === 0 || count === classes.length)) {
    throw invalid('fraction', `a share that splits ${classes.length} classes into two parts`, fraction);
  }
  const held = new Set(createRng(seed).shuffle(classes).slice(0, count));
  const rows = labels.map((_, i) => i);
  return {
    kept: rows.filter((i) => !held.has(labels[i]!)),
    held: rows.filter((i) => held.has(labels[i]!)),
  };
}
