// Keeps rows by the values of a column, the whole of the filter language of `attractor train`; and reads such a column.

import { invalid } from '../errors/error.ts';
import type { DatasetRow, SourceColumns } from './row.ts';

export interface Condition {
  /**
   * An attribute, or `label`, `id`, `tags`, also by the names that the source has for them, or `split` and `role` where the data
   * set has them.
   */
  readonly column: string;
  /** Compared as text; a row matches where any of them is its value (or one of its tags). */
  readonly values: readonly string[];
  /** True: keep the rows that do not match. */
  readonly not?: boolean;
}

/** Rows that satisfy every condition, in order. Throws `invalid_argument` where no row has the column. */
export function rowsWhere(options: {
  rows: readonly DatasetRow[];
  conditions: readonly Condition[];
  columns?: SourceColumns;
}): DatasetRow[] {
  let rows = [...options.rows];
  for (const { column: name, values, not = false } of options.conditions) {
    const column = columnNamed(name, options, not ? 'whereNot' : 'where');
    const wanted = new Set(values);
    rows = rows.filter((row) => valuesOf(row, column).some((value) => wanted.has(value)) !== not);
  }
  return rows;
}

/** The first value of a column in each row, as text; undefined where a row has none. Throws as rowsWhere, about `field`. */
export function columnOf(options: {
  rows: readonly DatasetRow[];
  column: string;
  columns?: SourceColumns;
  field: string;
}): (string | undefined)[] {
  const { rows, field } = options;
  const column = columnNamed(options.column, options, field);
  return rows.map((row) => valuesOf(row, column)[0]);
}

const ROLES = ['label', 'id', 'tags'] as const;

/** By our name for it; the error has the source's own. */
function columnNamed(
  name: string,
  { rows, columns }: { rows: readonly DatasetRow[]; columns?: SourceColumns },
  field: string,
): string {
  const role = ROLES.find((one) => name === one || name === columns?.[one]);
  if (role !== undefined) return role;
  const known = new Set([
    ...(columns ? ROLES.flatMap((one) => columns[one] ?? []) : ROLES),
    ...(['split', 'role'] as const).filter((name) => rows.some((row) => row[name] !== undefined)),
    ...rows.flatMap((row) => Object.keys(row.attributes)),
  ]);
  if (!known.has(name)) throw invalid(field, `one of the columns ${[...known].join(', ')}`, name);
  return name;
}

function valuesOf(row: DatasetRow, column: string): readonly string[] {
  if (column === 'label') return [row.label];
  if (column === 'id') return [row.id];
  if (column === 'tags') return row.tags;
  const value = row.attributes[column] ?? (column === 'split' || column === 'role' ? row[column] : undefined);
  return value === undefined ? [] : [String(value)];
}

/** As the command line writes it: `view=0,1`, `view!=7`. */
export function conditionText({ column, values, not = false }: Condition): string {
  return `${column}${not ? '!=' : '='}${values.join(',')}`;
}
