// The report of an experiment on synthetic clusters: a table for each count of classes, plots of distance, time and memory.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { alignedTable } from '../report/scores.ts';
import { type ChargesLine, readCharges } from './charges.ts';
import type { Look } from './charges-cell.ts';
import { type ChargesExperiment, parseCharges } from './charges-schema.ts';
import { leftOut, noResults } from './lines.ts';
import { documentOf, quoted } from './page.ts';
import { linesOf } from './plots.ts';
import { type Interval, interval } from './statistics.ts';

const COLUMNS = ['W2', 'modes covered, %', 'in use', 'siblings apart', 'CPU ms a step', 'MiB'];

export async function writeChargesReport(options: { folder: string; experiment: unknown }) {
  const { folder } = options;
  const experiment = parseCharges(options.experiment);
  const { lines, others } = readCharges(folder, experiment);
  if (lines.length === 0) throw noResults(folder, others);
  const note = leftOut(others);
  const counts = experiment.classes.filter((count) => lines.some(({ classes }) => classes === count));
  const tables = counts.map((count) => tableOf(experiment, lines, count));
  const { title, about } = experiment;
  const body = [...tables.map(({ html }) => html), ...(await plots(lines, counts))].join('\n');
  writeFileSync(
    join(folder, 'report.html'),
    documentOf({ title, about, facts: factsOf(experiment), note, body }),
  );
  const summary = {
    title,
    note,
    tables: tables.map(({ title: name, rows }) => ({ title: name, columns: COLUMNS, rows })),
  };
  writeFileSync(join(folder, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`);
  return { tables, note };
}

function factsOf(experiment: ChargesExperiment): string {
  const { modes, samplesPerMode, dimension, modeSpread, sampleSpread, batch, steps, seeds, train } =
    experiment;
  const apart = Math.sqrt((2 * modeSpread ** 2) / (1 + modeSpread ** 2)).toFixed(2);
  return `Synthetic: each class has ${modes} clusters of ${samplesPerMode} samples on the sphere in ${dimension} dimensions, clusters about ${apart} apart, samples ${sampleSpread} around them. ${train === 'head' ? 'A linear head, started from the identity, and the proxies learn' : 'Only the proxies learn'}: ${steps} steps of Adam on batches of ${batch.classes} classes x ${batch.samples} at a rate of ${experiment.learningRate}, times the multiplier of the loss for proxies. W2: exact Wasserstein-2 distance of the proxies of a class from its samples. Covered: clusters with a proxy nearer to their mean than half way to the next. In use: effective number of proxies that samples are nearest to. Means over classes, ± 95 % interval over seeds ${seeds.join(', ')}. CPU time of a step: median, one thread. MiB: what the process of a cell, which runs nothing else, grew by at its largest, from the made data on.`;
}

function tableOf(experiment: ChargesExperiment, lines: readonly ChargesLine[], count: number) {
  const rows = experiment.variants.flatMap(({ title }) => {
    const own = lines.filter(({ variant, classes }) => variant === title && classes === count);
    if (own.length === 0) return [];
    const last = (value: (look: Look) => number) => own.flatMap(({ looks }) => looks.slice(-1)).map(value);
    const cells = [
      last(({ w2 }) => w2),
      last(({ modesCovered }) => 100 * modesCovered),
      last(({ used }) => used),
      last(({ siblingDistance }) => siblingDistance),
      own.map(({ stepSeconds }) => 1000 * stepSeconds),
      own.map(({ memory }) => memory / 2 ** 20),
    ].map((values) => (values.length > 0 && values.every(Number.isFinite) ? interval(values) : undefined));
    return [{ variant: title, cells }];
  });
  const title = `${count} classes`;
  const digits = [3, 0, 1, 2, 1, 0];
  const texts = rows.map(({ variant, cells }) => [
    variant,
    ...cells.map((cell, i) => textOf(cell, digits[i]!)),
  ]);
  const verdict = verdictOf(rows);
  const html = `<h2>${quoted(title)}</h2><p>${quoted(verdict)}</p><div class="scroll"><table><tr>${[
    'variant',
    ...COLUMNS,
  ]
    .map((name) => `<th>${quoted(name)}</th>`)
    .join('')}</tr>${texts
    .map((row) => `<tr>${row.map((text) => `<td>${quoted(text)}</td>`).join('')}</tr>`)
    .join('')}</table></div>`;
  return {
    title,
    rows,
    html,
    verdict,
    text: alignedTable([['variant', ...COLUMNS], ...texts]),
  };
}

function textOf(cell: Interval | undefined, digits: number): string {
  if (cell === undefined) return '–';
  const mean = cell.mean.toFixed(digits);
  return Number.isNaN(cell.half) ? mean : `${mean} ± ${cell.half.toFixed(digits)}`;
}

function verdictOf(rows: readonly { variant: string; cells: readonly (Interval | undefined)[] }[]): string {
  const placed = rows.filter(({ cells }) => cells[0] !== undefined);
  if (placed.length === 0) return 'No variant has proxies.';
  const nearest = placed.reduce((a, b) => (b.cells[0]!.mean < a.cells[0]!.mean ? b : a));
  const most = placed.reduce((a, b) => (b.cells[1]!.mean > a.cells[1]!.mean ? b : a));
  const covered = (row: typeof most) => `${row.cells[1]!.mean.toFixed(0)} % of the clusters`;
  const other = covered(most) === covered(nearest) ? '' : ` Most covered: ${most.variant}, ${covered(most)}.`;
  return `Nearest to the data: ${nearest.variant}, W2 ${textOf(nearest.cells[0], 3)}, covering ${covered(nearest)}.${other}`;
}

async function plots(lines: readonly ChargesLine[], counts: readonly number[]): Promise<string[]> {
  const most = counts.at(-1);
  const values = lines
    .filter(({ classes }) => classes === most)
    .flatMap(({ variant, looks }) => looks.map(({ step, w2 }) => ({ name: variant, x: step, y: w2 })));
  const found: string[] = [];
  const add = async (title: string, plot: Promise<string>) => found.push(`<h3>${title}</h3>${await plot}`);
  if (new Set(values.map(({ x }) => x)).size > 2) {
    await add('Distance of the proxies from the data', linesOf({ values, x: 'step', y: 'W2' }));
  }
  if (counts.length > 1) {
    const by = (value: (line: ChargesLine) => number) =>
      lines.map((line) => ({ name: line.variant, x: line.classes, y: Math.max(value(line), 1e-3) }));
    const time = by(({ stepSeconds }) => 1000 * stepSeconds);
    await add('Time', linesOf({ values: time, x: 'classes', y: 'CPU ms a step', log: true }));
    const memory = by((line) => line.memory / 2 ** 20);
    await add('Memory', linesOf({ values: memory, x: 'classes', y: 'MiB', log: true }));
  }
  return found;
}
