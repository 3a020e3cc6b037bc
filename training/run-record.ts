// What a run was begun with, in its folder: `resume` goes on under the same options only, and may write over the model that the run
// itself has written. A cache as the journal is: one that is damaged is as none. Drawn in docs/formats.md.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { invalid } from '../src/errors/error.ts';
import { RECIPE_OPTIONS, type Recipe } from './recipe.ts';
import type { TrainOptions } from './train.ts';

export interface RunRecord {
  /** Absolute. */
  readonly out: string;
  /** That decide the result. Places of files are not among them: what is in those, the journal and the checkpoints tell. */
  readonly options: Readonly<Record<string, unknown>>;
}

const HEADER = { magic: 'attractor-run', version: 1 };

const fileOf = (folder: string) => join(folder, 'run.json');

const sumOf = (record: unknown) => createHash('sha256').update(JSON.stringify(record)).digest('hex');

export function recordOf(options: TrainOptions, recipe: Recipe): RunRecord {
  const { layout, label, image } = options.data;
  const { across, views = 1, augment, where = [], testClasses } = options;
  return {
    out: resolve(options.out),
    options: {
      ...Object.fromEntries(RECIPE_OPTIONS.map((name) => [name, recipe[name]])),
      ...{ dimension: options.dimension, layout, label, image, across, views, augment, where, testClasses },
    },
  };
}

export function readRecord(folder: string): RunRecord | undefined {
  if (!existsSync(fileOf(folder))) return undefined;
  try {
    const { magic, version, sha256, ...record } = JSON.parse(readFileSync(fileOf(folder), 'utf8')) as {
      magic: string;
      version: number;
      sha256: string;
    } & RunRecord;
    const whole = magic === HEADER.magic && version === HEADER.version && sha256 === sumOf(record);
    return whole ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Of an earlier run, before another one begins: stopped among its features, it is not that one. */
export function forgetRecord(folder: string): void {
  rmSync(fileOf(folder), { force: true });
}

export function writeRecord(folder: string, record: RunRecord): void {
  mkdirSync(folder, { recursive: true });
  const text = JSON.stringify({ ...HEADER, ...record, sha256: sumOf(record) }, null, 2);
  writeFileSync(`${fileOf(folder)}.tmp`, `${text}\n`);
  renameSync(`${fileOf(folder)}.tmp`, fileOf(folder));
}

/** Throws `invalid_argument` naming the first option that the run was not begun with. */
export function refuseOthers(folder: string, begun: RunRecord, now: RunRecord): void {
  for (const name of new Set([...Object.keys(begun.options), ...Object.keys(now.options)])) {
    const [was, is] = [begun.options[name], now.options[name]];
    if (JSON.stringify(was) === JSON.stringify(is)) continue;
    const text = was === undefined ? 'nothing' : JSON.stringify(was);
    throw invalid(name, `${text} with resume, as the run in ${folder} was begun`, is);
  }
}
