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

/**
 * Holds out every class once: `folds` splits, whose held parts differ by one class at most in the number of classes. The Reality
 * Check (Musgrave et al. 2020) asks for four. Throws `invalid_argument` where there are fewer classes than folds.
 */
export function classFolds(options: {
  labels: readonly string[];
  folds: number;
  seed: number;
}): ClassSplit[] {
  const { labels, folds, seed } = options;
  const classes = createRng(seed).shuffle([...new Set(labels)].sort());
  if (!Number.isInteger(folds) || folds < 2 || folds > classes.length) {
    throw invalid('folds', `a whole number from 2 to the ${classes.length} classes`, folds);
  }
  const foldOf = new Map(classes.map((label, i) => [label, i % folds]));
  return Array.from({ length: folds }, (_, fold) => bySide(labels, (label) => foldOf.get(label) === fold));
}

/**
 * The zero-shot convention: the first ceil(fraction x classes) classes are kept, the rest held, by name with numbers as numbers
 * ("9" before "10"). CUB, Cars and SOP name their own first half: use splitByLayout for them.
 */
export function firstClasses(options: { labels: readonly string[]; fraction?: number }): ClassSplit {
  const { labels, fraction = 0.5 } = options;
  const classes = [...new Set(labels)].sort(NATURAL.compare);
  const count = Math.ceil(fraction * classes.length);
  if (!(fraction > 0 && fraction < 1) || count === classes.length) {
    throw invalid('fraction', `a share that splits ${classes.length} classes into two parts`, fraction);
  }
  const held = new Set(classes.slice(count));
  return bySide(labels, (label) => held.has(label));
}

// A fixed locale: the machine's must not move a class.
const NATURAL = new Intl.Collator('en', { numeric: true });

function bySide(labels: readonly string[], isHeld: (label: string) => boolean): ClassSplit {
  const kept: number[] = [];
  const held: number[] = [];
  for (const [row, label] of labels.entries()) (isHeld(label) ? held : kept).push(row);
  return { kept, held };
}
