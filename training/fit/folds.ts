// Class-disjoint folds: on each, some classes are judged that nothing was fitted on.

import { createHash } from 'node:crypto';
import { type ClassSplit, splitClasses } from '../../src/dataset/split.ts';
import { invalid } from '../../src/errors/error.ts';
import type { Matmul } from '../baselines/matmul.ts';
import type { Pca } from '../baselines/pca.ts';
import type { Fold } from './race.ts';
import { createJudge, type Labelled, longestOf, openSpace, pickRows, pickTraining } from './space.ts';

/** Classes that validate at least: among fewer, almost any embedding finds the right one, and another one wins than in a catalogue. */
const GALLERY = 20;
const SHARE = 0.2;

/** The share of the classes that a fold holds out where none is asked for: a fifth, of few classes more, at most half. */
export const defaultHoldout = (classes: number) => Math.max(SHARE, Math.min(0.5, GALLERY / classes));

/**
 * Up to `folds` splits that each hold out the same share of the classes, no class twice. The first one is that of splitClasses
 * with the same seed. Throws `invalid_argument` where either side would be left without a class.
 */
export function splitFolds(options: {
  labels: readonly string[];
  holdoutClasses: number;
  folds: number;
  seed: number;
}): ClassSplit[] {
  const { labels, holdoutClasses, folds, seed } = options;
  const classes = new Set(labels).size;
  const each = Math.round(holdoutClasses * classes);
  if (each === 0 || each === classes) {
    throw invalid('holdoutClasses', `a share that splits ${classes} classes into two parts`, holdoutClasses);
  }
  const splits: ClassSplit[] = [];
  const rows = labels.map((_, row) => row);
  let left = rows;
  while (splits.length < folds && (splits.length === 0 || (splits.length + 1) * each <= classes)) {
    const remaining = left.map((row) => labels[row]!);
    // The same number of classes each time, out of those not held out yet.
    const fraction = splits.length === 0 ? holdoutClasses : each / new Set(remaining).size;
    const { held, kept } =
      fraction < 1
        ? splitClasses({ labels: remaining, fraction, seed })
        : { held: [...left.keys()], kept: [] };
    const out = new Set(held.map((at) => left[at]!));
    left = kept.map((at) => left[at]!);
    splits.push({ kept: rows.filter((row) => !out.has(row)), held: [...out] });
  }
  return splits;
}

/**
 * The folds of a race on rows with these labels, and the longest embedding that all of them give. Throws `invalid_argument` where
 * they have not classes enough for `holdoutClasses`, and where `dimension` is longer.
 */
export function planFolds(options: {
  labels: readonly string[];
  /** Default: defaultHoldout. */
  holdoutClasses?: number;
  folds: number;
  seed: number;
  /** Length of a feature row. */
  inputs: number;
  dimension?: number;
}) {
  const { labels, inputs, dimension = 1 } = options;
  const { holdoutClasses = defaultHoldout(new Set(labels).size) } = options;
  const splits = splitFolds({ ...options, holdoutClasses });
  const longest = Math.min(...splits.map(({ kept }) => longestOf(kept.length, inputs)));
  if (!(Number.isInteger(dimension) && dimension >= 1 && dimension <= longest)) {
    throw invalid('dimension', `1 to ${longest} for this data set`, dimension);
  }
  return { splits, holdoutClasses, longest };
}

export interface OpenFold extends Fold {
  /** The rows that were fitted on, and those that are judged. */
  readonly rows: readonly number[];
  readonly judged: readonly number[];
}

/**
 * `labels`, undefined for a dropped row, are what is fitted; `judgedBy` what the held classes are judged by. `split` is by
 * the given labels: a row that the audit moved between its sides is on neither, so no class is on both.
 */
export async function openFold(options: {
  data: Labelled;
  labels: readonly (string | undefined)[];
  judgedBy: readonly (string | undefined)[];
  split: ClassSplit;
  /** Components of the kept rows. */
  pca: Pca;
  inputs: number;
  matmul: Matmul;
  signal?: AbortSignal;
}): Promise<OpenFold> {
  const { data, labels, judgedBy, split, pca, inputs, matmul, signal } = options;
  const part = (side: readonly number[], by: readonly (string | undefined)[]) => {
    const classes = new Set(side.map((row) => data.labels[row]!));
    const rows = side.filter((row) => by[row] !== undefined && classes.has(by[row]));
    return { rows, labels: rows.map((row) => by[row]!) };
  };
  const train = part(split.kept, labels);
  const held = part(split.held, judgedBy);
  const fitted = { ...pickTraining(data, train.rows, inputs), labels: train.labels };
  const judged = { ...pickRows(data, held.rows, inputs), labels: held.labels };
  const space = await openSpace({ data: fitted, inputs, matmul, pca });
  const judge = await createJudge({ space, data: judged, matmul, signal });
  const identity = createHash('sha256')
    .update(JSON.stringify([train, held]))
    .digest('hex');
  return { space, judge, identity, labels: held.labels, rows: train.rows, judged: held.rows };
}
