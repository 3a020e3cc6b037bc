// A table of named cells as data set rows: which column is what, the types of the rest, and every row that does not fit.

import { resolve } from 'node:path';
import { AttractorError, invalid, show } from '../errors/error.ts';
import { ColumnTypes, typed } from './column-types.ts';
import { type Dataset, type DatasetProblem, type DatasetRow, repeated } from './row.ts';

export type Cell = string | number | boolean | readonly unknown[] | object;

export interface TableRecord {
  readonly line: number;
  /** Empty cells are left out. */
  readonly cells: ReadonlyMap<string, Cell>;
}

export interface Table {
  readonly columns: readonly string[];
  readonly records: readonly TableRecord[];
  readonly problems: readonly DatasetProblem[];
  /** False where every cell is text whose type has to be told from the column (CSV). */
  readonly typed: boolean;
}

export interface ColumnNames {
  readonly label?: string;
  readonly image?: string;
  readonly id?: string;
  readonly tags?: string;
}

export const GUESSES = {
  label: ['label', 'group', 'product_id', 'class'],
  image: ['image', 'path', 'file', 'filename'],
  id: ['id', 'item_id'],
  tags: ['tags'],
} as const;

/** No path is this long without a dot. */
const BASE64 = /^(data:|[a-z\d+/\s]{200,}=*$)/i;

/** Image paths are resolved against `folder`. Throws `invalid_argument` or `dataset_invalid` as readDataset says. */
export function rowsFromTable(options: { table: Table; folder: string; columns: ColumnNames }): Dataset {
  const { table, folder } = options;
  const column = {
    label: columnFor('label', options.columns.label, table),
    image: columnFor('image', options.columns.image, table),
    id: columnFor('id', options.columns.id, table),
    tags: columnFor('tags', options.columns.tags, table),
  };
  if (column.image === undefined) {
    const expected = `one of the columns ${GUESSES.image.join(', ')}, or the name of another`;
    const columns = table.columns.join(', ');
    const message = `image: no column holds image paths: expected ${expected}; columns are ${columns}`;
    throw new AttractorError('dataset_invalid', message, { field: 'image' });
  }
  const taken = new Set(Object.values(column));
  const others = table.columns.filter((name) => !taken.has(name));
  const types = table.typed ? undefined : typesOf(table);

  const rows: DatasetRow[] = [];
  const problems = [...table.problems];
  const rowOfId = new Map<string, { line: number; label: string }>();
  for (const { line, cells } of table.records) {
    const refuse = (reason: string) => void problems.push({ line, reason });
    const image = text(cells.get(column.image));
    if (image === undefined) {
      refuse(`${column.image}: expected an image path, received ${show(cells.get(column.image))}`);
      continue;
    }
    if (/^https?:\/\//i.test(image)) {
      refuse(`${column.image}: URLs are not read yet; download the image and give its path`);
      continue;
    }
    if (BASE64.test(image)) {
      refuse(
        `${column.image}: expected a path, received base64 (${show(image)}); a server takes it over HTTP`,
      );
      continue;
    }
    const id = column.id === undefined ? image : text(cells.get(column.id));
    if (id === undefined) {
      refuse(`${column.id}: expected an id, received ${show(cells.get(column.id!))}`);
      continue;
    }
    const label = column.label === undefined ? id : text(cells.get(column.label));
    if (label === undefined) {
      const reason = `${column.label}: expected a label, received ${show(cells.get(column.label!))}`;
      problems.push({ line, reason, kind: 'empty-label' });
      continue;
    }
    const earlier = rowOfId.get(id);
    if (earlier !== undefined) {
      const reason = `id "${id}" is already on line ${earlier.line}`;
      problems.push({ line, ...repeated({ reason, labels: [earlier.label, label] }) });
      continue;
    }
    const attributes = attributesOf(cells, others, types);
    if (typeof attributes === 'string') {
      refuse(attributes);
      continue;
    }
    rowOfId.set(id, { line, label });
    const tags = column.tags === undefined ? [] : tagsOf(cells.get(column.tags));
    rows.push({ line, id, label, image: resolve(folder, image), tags, attributes });
  }
  const { label, id = column.image, tags } = column;
  return { rows, problems, columns: { label, id, tags }, warnings: types?.warnings(others) };
}

function columnFor(role: keyof typeof GUESSES, wanted: string | undefined, table: Table): string | undefined {
  if (wanted === undefined) return GUESSES[role].find((name) => table.columns.includes(name));
  if (!table.columns.includes(wanted)) {
    throw invalid(role, `one of the columns ${table.columns.join(', ')}`, wanted);
  }
  return wanted;
}

function text(cell: Cell | undefined): string | undefined {
  if (typeof cell === 'string') return cell;
  return typeof cell === 'number' || typeof cell === 'boolean' ? String(cell) : undefined;
}

export function tagsOf(cell: Cell | undefined): string[] {
  const parts = Array.isArray(cell) ? cell.map(String) : (text(cell) ?? '').split(/[|;]/);
  return [...new Set(parts.map((tag) => tag.trim()).filter((tag) => tag !== ''))];
}

function typesOf(table: Table): ColumnTypes {
  const types = new ColumnTypes();
  for (const { line, cells } of table.records) {
    for (const [name, cell] of cells) if (typeof cell === 'string') types.add(name, cell, line);
  }
  return types;
}

function attributesOf(
  cells: ReadonlyMap<string, Cell>,
  columns: readonly string[],
  types: ColumnTypes | undefined,
): Record<string, string | number | boolean> | string {
  const attributes: Record<string, string | number | boolean> = {};
  for (const name of columns) {
    const cell = cells.get(name);
    if (cell === undefined) continue;
    if (typeof cell === 'object')
      return `${name}: expected text, a number or a boolean, received ${show(cell)}`;
    attributes[name] = typeof cell === 'string' ? typed(types?.get(name), cell) : cell;
  }
  return attributes;
}
