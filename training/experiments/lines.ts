// The results of an experiment on disk: one line of JSON for every finished cell, in a file for each process. What a line says is
// the experiment's.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The file that process `at` appends to. A crash in the middle of a write leaves half a line, which the next must not be glued to. */
export function openLines(folder: string, at: number): string {
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
