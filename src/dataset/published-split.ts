// The split that a data set brings along, and a split of rows into queries and gallery where it brings none.

import { AttractorError, invalid } from '../errors/error.ts';
import { createRng } from '../math/rng.ts';
import type { DatasetRow } from './row.ts';

/** Row numbers, ascending. */
export interface PublishedSplit {
  readonly train: readonly number[];
  /** Empty where the source has none. */
  readonly validation: readonly number[];
  readonly test: readonly number[];
  /** Of validation and test, by role; a row of both roles, or of none, is in both. */
  readonly queries: readonly number[];
  readonly gallery: readonly number[];
  /** Classes of train that are in validation or test too: with one of them this is no zero-shot retrieval. */
  readonly shared: readonly string[];
}

/** Throws `dataset_invalid` where rows have no split, or training or evaluation is left without one. */
export function splitByLayout(options: {
  rows: readonly Pick<DatasetRow, 'label' | 'split' | 'role' | 'line'>[];
}): PublishedSplit {
  const { rows } = options;
  const without = rows.find(({ split }) => split === undefined);
  if (without !== undefined) {
    throw new AttractorError('dataset_invalid', `The data set names no split for line ${without.line}`);
  }
  const where = (wanted: (row: (typeof rows)[number]) => boolean) =>
    rows.flatMap((row, i) => (wanted(row) ? [i] : []));
  const train = where(({ split }) => split === 'train');
  const held = where(({ split }) => split !== 'train');
  if (train.length === 0 || held.length === 0) {
    const missing = train.length === 0 ? 'training' : 'evaluation';
    throw new AttractorError('dataset_invalid', `The data set's own split leaves nothing for ${missing}`);
  }
  const seen = new Set(train.map((i) => rows[i]!.label));
  return {
    train,
    validation: where(({ split }) => split === 'validation'),
    test: where(({ split }) => split === 'test'),
    queries: held.filter((i) => rows[i]!.role !== 'gallery'),
    gallery: held.filter((i) => rows[i]!.role !== 'query'),
    shared: [...new Set(held.map((i) => rows[i]!.label))].filter((label) => seen.has(label)).sort(),
  };
}

export interface QueryGallery {
  /** Row numbers, ascending. */
  readonly queries: readonly number[];
  readonly gallery: readonly number[];
}

/**
 * Draws `perClass` queries of every class; the rest is the gallery. A class that would have no row left there gives fewer
 * queries, and a class of one row none. Throws `invalid_argument`.
 */
export function splitQueries(options: {
  labels: readonly string[];
  perClass: number;
  seed: number;
}): QueryGallery {
  const { labels, perClass, seed } = options;
  if (!Number.isInteger(perClass) || perClass < 1)
    throw invalid('perClass', 'a whole number, 1 or more', perClass);
  const rows = new Map<string, number[]>();
  for (const [row, label] of labels.entries()) {
    const mine = rows.get(label);
    if (mine) mine.push(row);
    else rows.set(label, [row]);
  }
  const rng = createRng(seed);
  const queries = new Set<number>();
  // By name, so that the order of the classes does not matter.
  for (const label of [...rows.keys()].sort()) {
    const mine = rng.shuffle(rows.get(label)!);
    for (const row of mine.slice(0, Math.min(perClass, mine.length - 1))) queries.add(row);
  }
  const all = labels.map((_, row) => row);
  return { queries: all.filter((row) => queries.has(row)), gallery: all.filter((row) => !queries.has(row)) };
}
