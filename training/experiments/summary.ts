// What the lines of an experiment say together: for every group of comparable cells a table of methods against the noise (or the
// length), with intervals, and a sentence on who is on top. Numbers and words; no page.

import { alignedTable } from '../report/scores.ts';
import type { MethodResult, Quality } from './cell.ts';
import type { Line } from './run.ts';
import { type Interval, interval, mean } from './statistics.ts';

export interface Column {
  /** `right labels`, `20 % symmetric noise`, `length 64`, `right labels, length 64`. */
  readonly name: string;
  readonly lines: readonly Line[];
}

export interface Row {
  readonly method: string;
  /** Of its embeddings: one, or the shortest and the longest of the columns. */
  readonly lengths: string;
  /** By column, over class splits: the mean over the seeds of each. Undefined where it was not run. */
  readonly cells: readonly (undefined | Readonly<Record<keyof Quality, Interval>>)[];
  /** Closer to the best of its column than the interval of their difference over the splits. */
  readonly level: readonly boolean[];
  /** By column: splits in which epoch 0 was chosen. There it is its start under another name. */
  readonly starts: readonly number[];
}

/** What stands beneath a table with a °. */
export const AT_START =
  '°: in a split or more no epoch did better on the validation classes than the start of training: there it is that, a PLDA (of last blocks: the best closed form), under another name.';
const STAR =
  '*: the best of its column and, over three splits or more, what paired differences do not tell from it.';

export interface Table {
  readonly title: string;
  readonly data: string;
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
  /** A line for each column. */
  readonly verdict: string;
  /** For a terminal. */
  readonly text: string;
}

const MEASURES = ['recallAt1', 'rPrecision', 'mapAtR'] as const;

const AUTO = 'auto';
const ANY = 'auto, any length';

/** `auto` as a method of its own: what the winner scored; and what it scored where the length was not fixed. */
function withAuto({ results, winner, dimension }: Line): readonly MethodResult[] {
  const won = results.find(({ method }) => method === winner);
  const racing = results.filter(({ method, trials }) => method !== 'frozen' && trials > 0);
  if (!won || racing.length === 0) return results;
  const any = racing.reduce((a, b) => (b.validation > a.validation ? b : a));
  const free = racing.some((one) => one.dimension !== dimension);
  return [...results, { ...won, method: AUTO }, ...(free ? [{ ...any, method: ANY }] : [])];
}

export function tablesOf(lines: readonly Line[]): Table[] {
  const groups = new Map<string, Line[]>();
  const lengths = new Set(lines.map(({ dimension }) => dimension));
  const noises = new Set(lines.map(({ noise }) => `${noise.kind} ${noise.rate}`));
  for (const line of lines) {
    const title = `${line.data}${line.audit === 'off' ? '' : `, field audit ${line.audit}`}`;
    groups.set(title, [...(groups.get(title) ?? []), line]);
  }
  return [...groups].map(([title, group]) => {
    const columns: Column[] = [];
    for (const line of group.toSorted(inOrder)) {
      const name = columnName(line, lengths.size > 1, noises.size > 1);
      const known = columns.find((column) => column.name === name);
      if (known) (known.lines as Line[]).push(line);
      else columns.push({ name, lines: [line] });
    }
    return table(title, group[0]!.data, columns);
  });
}

/** Processes that share the cells end them in any order. */
const inOrder = (a: Line, b: Line) =>
  a.noise.rate - b.noise.rate || a.dimension - b.dimension || a.split - b.split;

function columnName({ noise, dimension }: Line, severalLengths: boolean, severalNoises: boolean): string {
  const text = noise.rate === 0 ? 'right labels' : `${Math.round(100 * noise.rate)} % ${noise.kind} noise`;
  if (!severalLengths) return text;
  return severalNoises ? `${text}, length ${dimension}` : `length ${dimension}`;
}

const resultOf = (line: Line, method: string) => withAuto(line).find((one) => one.method === method);

/** Mean over the seeds of one line. */
const ofSplit = (line: Line, method: string, measure: keyof Quality): number | undefined => {
  const runs = resultOf(line, method)?.runs;
  return runs && mean(runs.map((run) => run[measure]));
};

const valuesOf = (column: Column, method: string, measure: keyof Quality) =>
  column.lines.flatMap((line) => ofSplit(line, method, measure) ?? []);

function table(title: string, data: string, columns: readonly Column[]): Table {
  const first = columns.flatMap(({ lines }) => lines).flatMap(withAuto);
  const methods = [...new Set(first.map(({ method }) => method))].map((method) => {
    const own = first.filter((one) => one.method === method);
    return [method, rangeOf(own.map(({ dimension }) => dimension))] as const;
  });
  const best = columns.map((column) => bestOf(column, () => true)!);
  const rows = methods.map(
    ([method, lengths]): Row => ({
      method,
      lengths,
      cells: columns.map((column) => {
        if (valuesOf(column, method, 'mapAtR').length === 0) return undefined;
        const [recallAt1, rPrecision, mapAtR] = MEASURES.map((one) =>
          interval(valuesOf(column, method, one)),
        );
        return { recallAt1: recallAt1!, rPrecision: rPrecision!, mapAtR: mapAtR! };
      }),
      level: columns.map((column, i) => level(column, method, best[i]!)),
      starts: columns.map(
        ({ lines }) => lines.filter((line) => resultOf(line, method)?.chosen.epoch === 0).length,
      ),
    }),
  );
  const aligned = alignedTable([
    ['MAP@R', 'length', ...columns.map(({ name }) => name)],
    ...rows.map(({ method, lengths, cells, level: same, starts }) => [
      method,
      lengths,
      ...cells.map((cell, i) =>
        cell ? `${percent(cell.mapAtR)} ${same[i] ? '*' : ' '}${starts[i]! > 0 ? '°' : ' '}` : '-',
      ),
    ]),
  ]);
  const text = [aligned, STAR, ...(anyAtStart(rows) ? [AT_START] : [])].join('\n');
  const verdict = columns.map((column, i) => sentence(column, best[i]!)).join('\n');
  return { title, data, columns: columns.map(({ name }) => name), rows, verdict, text };
}

/** The best by MAP@R of the methods that `may` be and that every line has. */
function bestOf(column: Column, may: (result: MethodResult) => boolean): string | undefined {
  const { lines } = column;
  const names = [...new Set(lines.flatMap(({ results }) => results.filter(may).map(({ method }) => method)))];
  return names
    .map((method) => ({ method, values: valuesOf(column, method, 'mapAtR') }))
    .filter(({ values }) => values.length === lines.length)
    .reduce<{ method?: string; of: number }>(
      (a, { method, values }) => (mean(values) > a.of ? { method, of: mean(values) } : a),
      { of: -Infinity },
    ).method;
}

export const anyAtStart = (rows: readonly Row[]) =>
  rows.some(({ starts }) => starts.some((count) => count > 0));

function rangeOf(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return low === high ? String(low) : `${low} to ${high}`;
}

/** No difference to the best is shown: 0 is inside the interval of the paired differences over the splits, if there is one. */
function level(column: Column, method: string, best: string): boolean {
  if (method === best) return true;
  const { mean: gap, half } = paired(column, best, method);
  return gap - half <= 0;
}

function paired(column: Column, a: string, b: string): Interval {
  return interval(
    column.lines.flatMap((line) => {
      const [x, y] = [ofSplit(line, a, 'mapAtR'), ofSplit(line, b, 'mapAtR')];
      return x === undefined || y === undefined ? [] : [x - y];
    }),
  );
}

function sentence(column: Column, best: string): string {
  const count = column.lines.length;
  const names = [...new Set(column.lines.flatMap((line) => line.results.map(({ method }) => method)))];
  const others = names
    .filter((name) => name !== best)
    .map((name) => ({ name, gap: paired(column, best, name) }))
    .filter(({ gap }) => gap.count > 0)
    .sort((a, b) => a.gap.mean - b.gap.mean);
  const [next] = others;
  // The race is of heads.
  const head = bestOf(column, ({ method, tuned }) => method !== 'frozen' && !tuned) ?? best;
  const auto = paired(column, head, AUTO);
  const any = paired(column, head, ANY);
  const trials = Math.max(...column.lines.flatMap((line) => line.results.map((one) => one.trials)));
  const parts = [`${column.name}: ${best} is on top`];
  if (next) parts.push(`by ${points(next.gap)} over ${next.name}`);
  const pfml = others.find(({ name }) => name === 'PFML');
  if (pfml && pfml !== next) parts.push(`and by ${points(pfml.gap)} over PFML`);
  return `${parts.join(' ')} (${count} ${count === 1 ? 'split' : 'splits'}, ${trials === 1 ? 'one trial' : `up to ${trials} trials`} each); auto chose ${chosenBy(column.lines)} and is ${below(auto)} the best${head === best ? '' : ` head, ${head}`}${any.count > 0 ? `, ${points(any)} where it may choose the length too` : ''}.`;
}

/** `LDA in split 1, PFML in splits 2 and 3,`. */
function chosenBy(lines: readonly Line[]): string {
  const winners = [...new Set(lines.map(({ winner }) => winner))];
  if (winners.length === 1) return `${winners[0]}${lines.length > 1 ? ' in every split' : ''}`;
  const splits = winners.map((winner) => {
    const own = lines.filter((line) => line.winner === winner).map(({ split }) => split);
    const last = own.pop();
    return `${winner} in ${own.length > 0 ? `splits ${own.join(', ')} and ${last}` : `split ${last}`}`;
  });
  return `${splits.join(', ')},`;
}

export const percent = ({ mean: value, half }: Interval): string =>
  Number.isNaN(half) ? (100 * value).toFixed(1) : `${(100 * value).toFixed(1)} ± ${(100 * half).toFixed(1)}`;

/** A mean over the splits may be topped by what is chosen for each. */
const below = (gap: Interval) =>
  gap.mean < 0 ? `${points({ ...gap, mean: -gap.mean })} above` : `${points(gap)} below`;

const points = ({ mean: value, half }: Interval) =>
  `${(100 * value).toFixed(2)}${Number.isNaN(half) ? '' : ` ± ${(100 * half).toFixed(2)}`}`;
