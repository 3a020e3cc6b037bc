// The evaluator: Recall@K, R-Precision and MAP@R of query vectors against a gallery. A query never meets itself (by
// id), nor what comes from its own source; equal scores have no order (ties.ts), a query without a relevant item is counted and left out.

import { invalid, refuseUnknown } from '../errors/error.ts';
import { groupCounter } from './groups.ts';
import { plainScores, type ScoreBlock } from './scores.ts';
import { averagePrecisionAtR, type Expectation, recallAtK, rPrecision } from './ties.ts';

export interface RetrievalSet {
  /** [N, dimension], row-major, unit rows: the score is the inner product. */
  readonly vectors: Float32Array;
  /** Class of each row. */
  readonly labels: readonly string[];
  /** Given where queries and gallery are separate sets that share items. */
  readonly ids?: readonly string[];
  /**
   * Where each row comes from (a shop, a day, a designer): a query meets only rows of other sources, as re-identification leaves out
   * the query's own camera, for near copies of one burst or one hand flatter every embedding. On both sides or neither.
   */
  readonly sources?: readonly string[];
}

export interface RetrievalOptions {
  readonly dimension: number;
  readonly queries: RetrievalSet;
  /** Absent: the queries themselves, each searched among all the others. */
  readonly gallery?: RetrievalSet;
  /** The K of Recall@K. Default 1, 2, 4, 8. */
  readonly ks?: readonly number[];
  /** Computes a block of scores; a plain loop unless given (training passes an onnxruntime MatMul). */
  readonly scores?: ScoreBlock;
  readonly signal?: AbortSignal;
}

export interface Measure {
  /** Mean over the scored queries, ties by expectation; 0 to 1, NaN where no query is scored. */
  readonly value: number;
  /** With every tie resolved against and for the model; only where these differ by more than 1e-6. */
  readonly bounds?: { readonly pessimistic: number; readonly optimistic: number };
}

export interface RetrievalReport {
  /** Queries scored. */
  readonly queries: number;
  /** Queries without another item of their class to meet in the gallery: left out of every mean. */
  readonly lone: number;
  readonly recall: ReadonlyMap<number, Measure>;
  readonly rPrecision: Measure;
  readonly mapAtR: Measure;
  readonly perQuery: QueryValues;
}

/** One entry per query, ties by expectation, NaN for lone ones: for intervals (bootstrap.ts) and classes (classes.ts). */
export interface QueryValues {
  readonly recall: ReadonlyMap<number, Float64Array>;
  readonly rPrecision: Float64Array;
  readonly mapAtR: Float64Array;
}

/** Floats per block of scores, 128 MiB: enough rows for a GEMM to run at full speed over 450,000 columns. */
const BLOCK_FLOATS = 32 << 20;
const BOUNDS_DIFFER = 1e-6;

/**
 * Memory beyond the inputs is one block of scores (128 MiB, or one row) and a few numbers per query and gallery item,
 * never their product; time is |queries| x |gallery| x dimension for the scores plus a look at each of them. Throws
 * `invalid_argument` on lengths that do not fit, a repeated gallery id or a value that is not finite.
 */
export async function evaluateRetrieval(options: RetrievalOptions): Promise<RetrievalReport> {
  refuseUnknown(options, ['dimension', 'queries', 'gallery', 'ks', 'scores', 'signal'], 'evaluateRetrieval');
  const { dimension, queries, scores = plainScores, signal } = options;
  const gallery = options.gallery ?? queries;
  const ks = [...new Set(options.ks ?? [1, 2, 4, 8])].sort((a, b) => a - b);
  if (ks.length === 0 || ks.some((k) => !Number.isInteger(k) || k < 1)) {
    throw invalid('ks', 'whole numbers of at least 1', options.ks);
  }
  checkSet(queries, dimension, 'queries');
  if (gallery !== queries) checkSet(gallery, dimension, 'gallery');

  const count = queries.labels.length;
  const columns = gallery.labels.length;
  if ((queries.sources === undefined) !== (gallery.sources === undefined)) {
    throw invalid('sources', 'those of queries and gallery, or neither', 'one of them');
  }
  const counter = groupCounter({ galleryLabels: gallery.labels, gallerySources: gallery.sources });
  const self = selfRows(queries, gallery);
  const recall = ks.map(zero);
  const precision = zero();
  const map = zero();
  const one = zero();
  const perRow = () => new Float64Array(count).fill(NaN);
  const perQuery = {
    recall: new Map(ks.map((k) => [k, perRow()])),
    rPrecision: perRow(),
    mapAtR: perRow(),
  };
  let scored = 0;

  const blockRows = Math.max(1, Math.floor(BLOCK_FLOATS / Math.max(1, columns)));
  for (let start = 0; start < count; start += blockRows) {
    signal?.throwIfAborted();
    const rows = Math.min(blockRows, count - start);
    const part = queries.vectors.subarray(start * dimension, (start + rows) * dimension);
    const block = await scores({ queries: part, gallery: gallery.vectors, dimension });
    for (let q = start; q < start + rows; q++) {
      const query = { label: queries.labels[q]!, self: self[q]!, source: queries.sources?.[q] };
      const relevant = counter.relevant(query);
      if (relevant === 0) continue;
      const row = block.subarray((q - start) * columns, (q - start + 1) * columns);
      const groups = counter.count(row, query);
      scored++;
      ks.forEach((k, i) => {
        recallAtK(groups, k, one);
        add(recall[i]!, one);
        perQuery.recall.get(k)![q] = one.expected;
      });
      rPrecision(groups, relevant, one);
      add(precision, one);
      perQuery.rPrecision[q] = one.expected;
      averagePrecisionAtR(groups, relevant, one);
      add(map, one);
      perQuery.mapAtR[q] = one.expected;
    }
  }
  return {
    queries: scored,
    lone: count - scored,
    recall: new Map(ks.map((k, i) => [k, measure(recall[i]!, scored)])),
    rPrecision: measure(precision, scored),
    mapAtR: measure(map, scored),
    perQuery,
  };
}

function checkSet(set: RetrievalSet, dimension: number, field: string): void {
  if (set.vectors.length !== set.labels.length * dimension) {
    throw invalid(`${field}.vectors`, `${set.labels.length} x ${dimension} values`, set.vectors);
  }
  for (const name of ['ids', 'sources'] as const) {
    const each = set[name];
    if (each !== undefined && each.length !== set.labels.length) {
      throw invalid(`${field}.${name}`, `${set.labels.length} ${name}`, each.length);
    }
  }
  for (let i = 0; i < set.vectors.length; i++) {
    const x = set.vectors[i]!;
    // Not findIndex: its callback makes seconds of the quarter billion values of a large gallery.
    if (x - x !== 0) throw invalid(`${field}.vectors[${i}]`, 'a finite number', x);
  }
}

/** Gallery row that is the query itself, or -1. */
function selfRows(queries: RetrievalSet, gallery: RetrievalSet): Int32Array {
  if (gallery === queries) return Int32Array.from(queries.labels, (_, i) => i);
  const rowOf = new Map<string, number>();
  gallery.ids?.forEach((id, row) => {
    if (rowOf.has(id)) throw invalid(`gallery.ids[${row}]`, 'ids that do not repeat', id);
    rowOf.set(id, row);
  });
  return Int32Array.from(queries.labels, (_, i) => {
    const id = queries.ids?.[i];
    return id === undefined ? -1 : (rowOf.get(id) ?? -1);
  });
}

const zero = (): Expectation => ({ expected: 0, pessimistic: 0, optimistic: 0 });

function add(sum: Expectation, one: Expectation): void {
  sum.expected += one.expected;
  sum.pessimistic += one.pessimistic;
  sum.optimistic += one.optimistic;
}

function measure(sum: Expectation, queries: number): Measure {
  const value = sum.expected / queries;
  const pessimistic = sum.pessimistic / queries;
  const optimistic = sum.optimistic / queries;
  return optimistic - pessimistic > BOUNDS_DIFFER
    ? { value, bounds: { pessimistic, optimistic } }
    : { value };
}
