// What the cells of a CSV are: numbers, booleans or texts, told of each column as a whole.

import { show } from '../errors/error.ts';
import type { DatasetWarning } from './row.ts';

export type ColumnType = 'number' | 'boolean' | 'string';

// No leading zeros: "00123" is an article number, not the number 123.
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

interface Column {
  type: ColumnType;
  cells: number;
  numbers: number;
  /** The first that is no number. */
  odd?: { line: number; cell: string };
  /** Some have digits only and are no numbers: it is a column of article numbers. */
  digits: boolean;
}

/** What the cells of a CSV are. A column is typed as a whole, so that one value never changes type from row to row. */
export class ColumnTypes {
  readonly #columns = new Map<string, Column>();

  add(name: string, cell: string, line: number): void {
    const own = cell === 'true' || cell === 'false' ? 'boolean' : isNumber(cell) ? 'number' : 'string';
    const column = this.#columns.get(name) ?? { type: own, cells: 0, numbers: 0, digits: false };
    if (column.cells++ === 0) this.#columns.set(name, column);
    if (own !== column.type) column.type = 'string';
    if (own === 'number') column.numbers++;
    else {
      column.odd ??= { line, cell };
      column.digits ||= /^\d+$/.test(cell);
    }
  }

  /** Undefined where all of its cells are empty. */
  get(name: string): ColumnType | undefined {
    return this.#columns.get(name)?.type;
  }

  /** Of columns that are not empty. */
  get names(): string[] {
    return [...this.#columns.keys()];
  }

  /** Which of these columns are texts though most of their cells are numbers. */
  warnings(names: readonly string[]): DatasetWarning[] {
    return names.flatMap((name) => {
      const { type, cells, numbers, odd, digits } = this.#columns.get(name) ?? { cells: 0, numbers: 0 };
      if (type !== 'string' || digits || odd === undefined || numbers * 2 <= cells) return [];
      const why = `${numbers} of its ${cells} cells are numbers, but ${show(odd.cell)} on line ${odd.line} is none`;
      return [
        { line: odd.line, reason: `${name}: ${why}: the column is texts, and ${name} < 1 finds nothing` },
      ];
    });
  }
}

/** A cell of a column of this type. */
export function typed(type: ColumnType | undefined, cell: string): string | number | boolean {
  return type === 'number' ? Number(cell) : type === 'boolean' ? cell === 'true' : cell;
}

function isNumber(cell: string): boolean {
  if (!NUMBER.test(cell)) return false;
  const value = Number(cell);
  return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
}
