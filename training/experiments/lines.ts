// Runs the cells of an experiment one after the other and keeps each as a line of JSON, in a file for each process: stopped and
// started again, it goes on with what is missing. What a cell does and what a line says is the experiment's.

import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AttractorError } from '../../src/errors/error.ts';

/** Where an experiment writes, what part of it this process does, and who watches. */
export interface CellsOptions {
  /** Results: `experiment.json`, `results-<shard>.jsonl`. */
  readonly out: string;
  /** Every `of`-th cell from the `at`-th on, 1 for the first: several processes share one folder. Default 1 of 1. */
  readonly shard?: { readonly at: number; readonly of: number };
  readonly onCell?: (cell: { readonly key: string; readonly at: number; readonly of: number }) => void;
}

/** What an experiment runs. A cell and the settings are the key of the cell's line; paths are not among them. */
export interface Plan<Cell> {
  readonly cells: readonly Cell[];
  /** What decides the results of all cells. */
  readonly settings: object;
}

const keyOf = (settings: object, cell: unknown) =>
  createHash('sha256')
    .update(JSON.stringify([settings, cell]))
    .digest('hex')
    .slice(0, 16);

/** Cells that were run now; those that the folder had already are not run again. Throws what `run` throws. */
export async function runCells<Cell>(
  options: CellsOptions & {
    /** As its file has it. */
    readonly experiment: object;
    readonly plan: Plan<Cell>;
    readonly textOf: (cell: Cell) => string;
    readonly run: (cell: Cell) => Promise<object>;
  },
): Promise<number> {
  const { experiment, out, shard = { at: 1, of: 1 }, plan, textOf, onCell } = options;
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'experiment.json'), `${JSON.stringify(experiment, null, 2)}\n`);
  const file = openLines(out, shard.at);
  const known = new Set(readLines<{ key: string }>(out).map(({ key }) => key));
  const cells = plan.cells.filter((_, i) => i % shard.of === shard.at - 1);
  let run = 0;
  for (const [i, cell] of cells.entries()) {
    const key = keyOf(plan.settings, cell);
    if (known.has(key)) continue;
    onCell?.({ key: textOf(cell), at: i + 1, of: cells.length });
    appendFileSync(file, `${JSON.stringify({ key, ...(await options.run(cell)) })}\n`);
    run++;
  }
  return run;
}

/** The file that process `at` appends to. A crash in the middle of a write leaves half a line, which the next must not be glued to. */
function openLines(folder: string, at: number): string {
  const file = join(folder, `results-${at}.jsonl`);
  if (!existsSync(file)) return file;
  const text = readFileSync(file, 'utf8');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole.length < text.length) writeFileSync(file, whole);
  return file;
}

/** All lines of a results folder. A last line that was cut off by a crash is left out: its cell is run again. */
export function readLines<T>(folder: string): T[] {
  return readdirSync(folder)
    .filter((name) => /^results-\d+\.jsonl$/.test(name))
    .sort()
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1))
    .map((line) => JSON.parse(line) as T);
}

/** The lines of the plan's cells, in their order, and how many of other cells lie beside them: of the file as it was earlier. */
export function linesOfPlan<T extends { readonly key: string }>(
  folder: string,
  { cells, settings }: Plan<unknown>,
): { lines: T[]; others: number } {
  const known = new Map(readLines<T>(folder).map((line) => [line.key, line]));
  const keys = new Set(cells.map((cell) => keyOf(settings, cell)));
  const lines = [...keys].flatMap((key) => known.get(key) ?? []);
  return { lines, others: known.size - lines.length };
}

/** For the terminal and the page. */
export const leftOut = (others: number): string | undefined =>
  others === 0
    ? undefined
    : `${others === 1 ? '1 cell of other settings lies' : `${others} cells of other settings lie`} in the folder, as the file was edited since, and ${others === 1 ? 'is' : 'are'} left out.`;

export const noResults = (folder: string, others: number) =>
  new AttractorError(
    'invalid_argument',
    [`${folder} has no results of the experiment`, leftOut(others)].filter(Boolean).join(': '),
    { field: 'folder' },
  );
