// How a method is judged, and the table in which methods stand side by side. Used by the command line and the model card.

import type { QueryGallery } from '../../src/dataset/published-split.ts';
import { gatherRows } from '../../src/math/gather.ts';
import { evaluateRetrieval, type Measure } from '../../src/metrics/retrieval.ts';
import type { ScoreBlock } from '../../src/metrics/scores.ts';

export interface Scores {
  readonly recallAt1: Measure;
  readonly rPrecision: Measure;
  readonly mapAtR: Measure;
  /** Queries scored, and queries without another image of their class. */
  readonly queries: number;
  readonly lone: number;
}

/** Scores with MAP@R query by query, NaN for lone ones. */
export interface Judged {
  readonly scores: Scores;
  readonly mapAtR: Float64Array;
}

export interface MethodScores {
  /** `frozen` (the backbone's features as they are), a closed form, or a loss by its title. */
  readonly method: string;
  readonly dimension: number;
  /** True: the validation classes chose epoch 0, so it is the start that heads are trained from. */
  readonly atStart?: boolean;
  readonly scores: Scores;
}

/**
 * Every row against all the others, or, with `sides`, the queries against the gallery; a row never meets itself, nor, with `sources`,
 * one of its own source. `embeddings` is [labels.length, dimension], unit rows.
 */
export async function scoreEmbeddings(options: {
  embeddings: Float32Array;
  labels: readonly string[];
  sources?: readonly string[];
  dimension: number;
  sides?: QueryGallery;
  scores: ScoreBlock;
  signal?: AbortSignal;
}): Promise<Judged> {
  const { embeddings, labels, sources, dimension, sides, scores, signal } = options;
  const side = (rows: readonly number[]) => ({
    vectors: gatherRows(embeddings, rows, dimension),
    labels: rows.map((row) => labels[row]!),
    ids: rows.map(String),
    sources: sources && rows.map((row) => sources[row]!),
  });
  const sets = sides
    ? { queries: side(sides.queries), gallery: side(sides.gallery) }
    : { queries: { vectors: embeddings, labels, sources } };
  const report = await evaluateRetrieval({ dimension, ...sets, ks: [1], scores, signal });
  const { rPrecision, mapAtR, lone } = report;
  return {
    scores: { recallAt1: report.recall.get(1)!, rPrecision, mapAtR, queries: report.queries, lone },
    mapAtR: report.perQuery.mapAtR,
  };
}

/** In per cent, as the field prints it: `86.3`, with the bounds of ties where they show: `86.3 (80.0 to 90.1)`. */
export function percent({ value, bounds }: Measure): string {
  const text = (x: number) => (100 * x).toFixed(1);
  if (bounds === undefined) return text(value);
  const [low, high] = [text(bounds.pessimistic), text(bounds.optimistic)];
  return low === high ? text(value) : `${text(value)} (${low} to ${high})`;
}

/** Mean and sample standard deviation over runs, in per cent: `86.3 ± 0.2`. */
export function percentOverRuns(values: readonly number[]): string {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  if (values.length < 2) return (100 * mean).toFixed(1);
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (values.length - 1);
  return `${(100 * mean).toFixed(1)} ± ${(100 * Math.sqrt(variance)).toFixed(1)}`;
}

/** What stands beneath a table that says `(epoch 0)` somewhere. */
export function startLines(results: readonly MethodScores[]): string[] {
  if (!results.some(({ atStart }) => atStart)) return [];
  return [
    '(epoch 0): no epoch did better on the validation classes than the start of training, so it is that: a PLDA under another name.',
  ];
}

/** Header and one row per method, for either of the tables below; `marked` gets a star. */
export function scoreRows(results: readonly MethodScores[], marked?: string): string[][] {
  return [
    ['method', 'length', 'R@1', 'R-Precision', 'MAP@R'],
    ...results.map(({ method, dimension, atStart, scores }) => [
      `${method}${atStart ? ' (epoch 0)' : ''}${method === marked ? ' *' : ''}`,
      String(dimension),
      percent(scores.recallAt1),
      percent(scores.rPrecision),
      percent(scores.mapAtR),
    ]),
  ];
}

/**
 * The same over several runs that have the same methods: mean ± standard deviation. The last column is the difference to the
 * first method within each run, which the luck of the split does not blur.
 */
export function comparisonRows(runs: readonly (readonly MethodScores[])[]): string[][] {
  const over = (of: (scores: Scores) => Measure, at: number) =>
    percentOverRuns(runs.map((results) => of(results[at]!.scores).value));
  const gain = (at: number) => {
    const text = percentOverRuns(
      runs.map((results) => results[at]!.scores.mapAtR.value - results[0]!.scores.mapAtR.value),
    );
    return text.startsWith('-') ? text : `+${text}`;
  };
  const inRuns = (count: number) => {
    if (count === 0) return '';
    return count === runs.length ? ' (epoch 0)' : ` (epoch 0 in ${count} of ${runs.length})`;
  };
  return [
    ['method', 'length', 'R@1', 'R-Precision', 'MAP@R', `MAP@R over ${runs[0]![0]!.method}`],
    ...runs[0]!.map(({ method, dimension }, at) => [
      method + inRuns(runs.filter((results) => results[at]!.atStart).length),
      String(dimension),
      over(({ recallAt1 }) => recallAt1, at),
      over(({ rPrecision }) => rPrecision, at),
      over(({ mapAtR }) => mapAtR, at),
      at === 0 ? '' : gain(at),
    ]),
  ];
}

/** Columns aligned for a terminal: the first to the left, the others to the right. */
export function alignedTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, c) => Math.max(...rows.map((row) => row[c]!.length)));
  const line = (row: readonly string[]) =>
    row.map((cell, c) => (c === 0 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!))).join('   ');
  return rows.map(line).join('\n');
}

export function markdownTable(rows: readonly (readonly string[])[]): string {
  const line = (row: readonly string[]) => `| ${row.join(' | ')} |`;
  const [header, ...body] = rows;
  return [line(header!), line(header!.map((_, c) => (c === 0 ? '---' : '---:'))), ...body.map(line)].join(
    '\n',
  );
}
