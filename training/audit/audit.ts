// The field audit: finds the labels that do not fit by the potential field of the classes, drops or relabels them, looks again with
// what is left, until little changes. No noise rate is given. It decides nothing about whether the audit is used (../fit).

import { gatherRows } from '../../src/math/gather.ts';
import { createRng, type Rng } from '../../src/math/rng.ts';
import { classScatter, fitLda } from '../baselines/discriminant.ts';
import { normaliseRows } from '../baselines/linear-map.ts';
import type { Matmul } from '../baselines/matmul.ts';
import { classNumbers } from '../fit/class-numbers.ts';
import { noiseRate, rightProbability, wrongProbability } from './calibrate.ts';
import { type FieldScores, fieldScores } from './field-score.ts';
import { nearestRows } from './neighbours.ts';

export interface AuditOptions {
  /** [labels.length, inputs], mean zero: the features in their principal components. */
  readonly features: Float32Array;
  readonly inputs: number;
  readonly labels: readonly string[];
  readonly matmul: Matmul;
  /** Rows whose labels are known to be right: they are never dropped or relabelled. */
  readonly keep?: readonly number[];
  /** At most. Default 3: later rounds mostly confirm their own relabelling. */
  readonly rounds?: number;
  /** Of the random labels that the given ones are measured against. */
  readonly seed: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

export interface Decision {
  readonly row: number;
  readonly given: string;
  readonly verdict: 'dropped' | 'relabelled';
  /** The class in whose well the row sits. */
  readonly well: string;
  /** The row's mislabel score: 1 fits, 0 does not. */
  readonly share: number;
  /** The rows nearest to it, the nearest first. */
  readonly neighbours: readonly number[];
}

export interface Audit {
  /** Label of every row after the audit; undefined where it is dropped. */
  readonly labels: readonly (string | undefined)[];
  /**
   * [rows]: the given class's part of the field at the row, 0 to 1, low is suspect: the mean of the first round, when all labels are
   * charges, and the last, when suspects are not. Either alone finds fewer wrong labels.
   */
  readonly share: Float32Array;
  /** The rows that were not left as they are, the worst fit first. */
  readonly decisions: readonly Decision[];
  readonly rounds: number;
}

/** A label is left where it is more likely right than random; a row is relabelled where the guess is at least this sure. */
const WRONG = 0.5;
const SURE = 0.8;
/** Stable: fewer than this part of the rows change in a round. */
const STABLE = 0.002;
/** Longest LDA embedding in which fields are measured, and its shrinkage. */
const LDA = { outputs: 128, shrinkage: 0.3 };
const NEIGHBOURS = 5;
/** Rows are scored in so many parts, each in the space of the others' labels. */
const PARTS = 4;

/**
 * Scores every label by its class's field against the others' in an LDA of the labels so far, and drops or relabels what
 * sits in another class's well. A class's only row is left alone: nothing speaks for or against it. Throws
 * `invalid_argument` where the labels are of fewer than two classes, and `aborted`.
 */
export async function auditLabels(options: AuditOptions): Promise<Audit> {
  const { labels, matmul, seed, keep, rounds: most = 3, signal, onProgress } = options;
  const names = [...new Set(labels)];
  const given = classNumbers(labels);
  const sizes = new Int32Array(names.length);
  for (const label of given) sizes[label]!++;

  const strangers = randomOthers(given, names.length, createRng(seed));
  const parts = inParts(given, createRng(seed));
  let charges: Int32Array = given;
  /** Of each round. */
  const shares: (readonly number[])[] = [];
  let more: boolean;
  const wells = new Int32Array(given.length).fill(-1);
  do {
    const seen: Scored = { own: [], best: [], bestField: [], share: [], strangerShare: [] };
    for (const rows of parts) {
      // A row is never scored in a space that its own label has shaped: there even a wrong label seems to fit.
      const { embeddings, dimension } = await spread(options, charges, new Set(rows));
      const classes = names.length;
      const field = { embeddings, labels: given, charges, strangers, rows, classes, dimension, signal };
      collect(seen, rows, await fieldScores(field));
    }
    shares.push(seen.share);
    const next = decide(given, sizes, seen);
    for (const row of keep ?? []) next[row] = given[row]!;
    const changed = next.reduce((count, label, i) => count + Number(label !== charges[i]), 0);
    more = shares.length < most && changed > STABLE * given.length;
    for (const [i, label] of next.entries()) wells[i] = label === given[i] ? -1 : seen.best[i]!;
    charges = next;
    onProgress?.({ done: shares.length, total: more ? most : shares.length });
  } while (more);
  const [first, last] = [shares[0]!, shares.at(-1)!];
  const share = Float32Array.from(first, (x, row) => (x + last[row]!) / 2);
  const { embeddings, dimension } = await spread(options, charges);

  const touched = [...charges.keys()].filter((row) => charges[row] !== given[row]);
  touched.sort((a, b) => share[a]! - share[b]! || a - b);
  const near = await nearestRows({ embeddings, dimension, rows: touched, count: NEIGHBOURS, matmul });
  return {
    labels: Array.from(charges, (label) => names[label]),
    share,
    rounds: shares.length,
    decisions: touched.map((row, i) => ({
      row,
      given: labels[row]!,
      verdict: charges[row] === -1 ? 'dropped' : 'relabelled',
      well: names[wells[row]!]!,
      share: share[row]!,
      neighbours: near[i]!,
    })),
  };
}

/** Class of every row as the field has it, -1 for dropped. */
function decide(given: Int32Array, sizes: Int32Array, scores: Scored): Int32Array {
  const { own, best, bestField, share, strangerShare } = scores;
  const wrong = wrongProbability(share, strangerShare);
  // The guess is the class with the strongest field, the given one among them; its margin is its part of the whole field.
  const agrees = Array.from(given, (_, i) => own[i]! >= bestField[i]!);
  const margins = Float64Array.from(given, (_, i) => {
    if (agrees[i]) return share[i]!;
    return share[i]! > 0 ? (bestField[i]! * share[i]!) / own[i]! : 1;
  });
  const right = rightProbability(margins, agrees, noiseRate(share, strangerShare));
  return given.map((label, i) => {
    if (sizes[label] === 1 || agrees[i] || wrong[i]! <= WRONG) return label;
    return right[i]! >= SURE ? best[i]! : -1;
  });
}

/** Scores of all rows, part by part. */
type Scored = Record<keyof FieldScores, number[]>;

function collect(all: Scored, rows: Int32Array, scores: FieldScores): void {
  for (const name of Object.keys(all) as (keyof FieldScores)[]) {
    for (const [at, row] of rows.entries()) all[name][row] = scores[name][at]!;
  }
}

/** For every row a class that is not its own. */
function randomOthers(given: Int32Array, classes: number, rng: Rng): Int32Array {
  return given.map((label) => (label + 1 + rng.int(classes - 1)) % classes);
}

/** The rows dealt out so that each part has about as many of every class. */
function inParts(given: Int32Array, rng: Rng): Int32Array[] {
  const order = rng.shuffle([...given.keys()]).sort((a, b) => given[a]! - given[b]!);
  return Array.from({ length: PARTS }, (_, part) =>
    Int32Array.from(order.filter((_, at) => at % PARTS === part)),
  );
}

/** All rows in the LDA of those that are charges, but for some. */
async function spread(
  { features, inputs, matmul }: AuditOptions,
  charges: Int32Array,
  without: ReadonlySet<number> = new Set(),
) {
  const kept = [...charges.keys()].filter((row) => charges[row]! >= 0 && !without.has(row));
  const scatter = await classScatter({
    ...{ rows: gatherRows(features, kept, inputs), dimension: inputs, matmul },
    labels: kept.map((row) => String(charges[row])),
  });
  const dimension = Math.min(LDA.outputs, inputs);
  const projection = await fitLda({ scatter, outputs: dimension, shrinkage: LDA.shrinkage, matmul });
  const product = await matmul.multiply(
    { data: features, rows: charges.length, columns: inputs },
    { data: projection, rows: inputs, columns: dimension },
  );
  return { embeddings: normaliseRows(product, dimension), dimension };
}
