// JSON Lines text as a table of named, already typed cells.

import type { DatasetProblem } from './row.ts';
import type { Cell, Table, TableRecord } from './table.ts';

/** One JSON object per line; empty lines are skipped, anything else is a problem of its line. */
export function readJsonl(text: string): Table {
  const problems: DatasetProblem[] = [];
  const records: TableRecord[] = [];
  const columns = new Set<string>();
  text.split(/\r?\n/).forEach((raw, i) => {
    const source = i === 0 ? raw.replace(/^\uFEFF/, '') : raw;
    if (source.trim() === '') return;
    let value: unknown;
    try {
      value = JSON.parse(source);
    } catch (error) {
      problems.push({ line: i + 1, reason: `not JSON: ${(error as Error).message}` });
      return;
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      problems.push({ line: i + 1, reason: 'expected a JSON object' });
      return;
    }
    const cells = new Map<string, Cell>();
    for (const [name, cell] of Object.entries(value)) {
      columns.add(name);
      if (cell !== null && cell !== '') cells.set(name, cell as Cell);
    }
    records.push({ line: i + 1, cells });
  });
  return { columns: [...columns], records, problems, typed: true };
}
