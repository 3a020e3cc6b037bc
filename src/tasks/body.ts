// The body of an import on disk, as JSON Lines or CSV: its rows one after the other, in bounded memory. A row is what one
// item of an upsert is in JSON; what its fields may hold is the caller's to check.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { ColumnTypes, typed } from '../dataset/column-types.ts';
import { csvRecords } from '../dataset/csv-stream.ts';
import { linesOf } from '../dataset/lines.ts';
import { GUESSES, tagsOf } from '../dataset/table.ts';
import { AttractorError } from '../errors/error.ts';

export const BODY_FORMATS = ['jsonl', 'csv'] as const;

export type BodyFormat = (typeof BODY_FORMATS)[number];

export interface Body {
  readonly path: string;
  readonly format: BodyFormat;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

export interface BodyRow {
  /** 1-based; of a CSV record its last one, or where its quotes are wrong its first. */
  readonly line: number;
  readonly value: unknown;
}

export interface BadRow {
  readonly line: number;
  readonly error: AttractorError;
}

/** What a first pass over a body tells: how many rows there are, and of which types the columns of a CSV. */
export interface Survey {
  readonly rows: number;
  readonly types: ColumnTypes;
  /** Columns that became texts for a few of their cells. */
  readonly warnings: readonly string[];
}

export interface ReadOptions {
  readonly body: Body;
  /** Of one row. */
  readonly maxRowBytes: number;
  readonly signal?: AbortSignal;
}

const MOST_WARNINGS = 20;

/** Throws `dataset_invalid` where the file is not what was received, no CSV at all, or one without ids or pictures. */
export async function surveyBody(options: ReadOptions): Promise<Survey> {
  const { body, signal } = options;
  await checkBytes(body, signal);
  const types = new ColumnTypes();
  let rows = 0;
  if (body.format === 'jsonl') {
    for await (const _ of jsonLines(options)) rows++;
  } else {
    for await (const record of records(options)) {
      rows++;
      if ('problem' in record) continue;
      for (const [name, cell] of record.cells) types.add(name, cell, record.line);
    }
    if (types.names.length > 0) checkColumns(types.names);
  }
  const { taken } = columnsOf(types);
  const others = types.names.filter((name) => !taken.includes(name));
  return {
    rows,
    types,
    warnings: types
      .warnings(others)
      .map(({ reason }) => reason)
      .slice(0, MOST_WARNINGS),
  };
}

/** Else every row would say so. */
function checkColumns(columns: readonly string[]): void {
  for (const wanted of [GUESSES.id, ['image', 'vector']] as const) {
    if (wanted.some((name) => columns.includes(name))) continue;
    const near = columns.find((name) => wanted.some((one) => one === name.toLowerCase()));
    const expected = `a column ${wanted.join(' or ')}${near ? ', in small letters' : ''}`;
    const received = columns.join(', ').slice(0, 200);
    const message = `header: expected ${expected}, received ${received}`;
    throw new AttractorError('dataset_invalid', message, { field: 'header', expected, received });
  }
}

export async function* rowsOf(options: ReadOptions & { survey: Survey }): AsyncGenerator<BodyRow | BadRow> {
  const { body, survey } = options;
  if (body.format === 'jsonl') {
    for await (const { line, bytes } of jsonLines(options)) yield jsonRow(line, bytes, options.maxRowBytes);
    return;
  }
  for await (const record of records(options)) {
    const { line } = record;
    yield 'problem' in record
      ? { line, error: new AttractorError('dataset_invalid', record.problem) }
      : csvRow(line, record.cells, survey.types);
  }
}

/** Also that it is UTF-8, where it is CSV: a table in another encoding would come in with its letters broken. */
async function checkBytes({ path, format, bytes, sha256 }: Body, signal?: AbortSignal): Promise<void> {
  const hash = createHash('sha256');
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  let length = 0;
  for await (const chunk of createReadStream(path, { signal }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    length += chunk.length;
    if (format === 'csv') decoded(() => utf8.decode(chunk, { stream: true }));
  }
  if (format === 'csv') decoded(() => utf8.decode());
  if (length === bytes && hash.digest('hex') === sha256) return;
  throw new AttractorError('dataset_invalid', 'The stored body is not what was received. Send it again.');
}

function decoded(decode: () => string): void {
  try {
    decode();
  } catch (cause) {
    throw new AttractorError('dataset_invalid', 'body: expected UTF-8', { field: 'body', cause });
  }
}

async function* jsonLines({ body, maxRowBytes, signal }: ReadOptions) {
  const chunks = createReadStream(body.path, { signal });
  for await (const line of linesOf({ chunks, maxBytes: maxRowBytes })) {
    if (line.bytes === undefined || !isBlank(line.bytes)) yield line;
  }
}

function records({ body, maxRowBytes, signal }: ReadOptions) {
  const open = () => createReadStream(body.path, { signal });
  return csvRecords({ open, maxRecordBytes: maxRowBytes });
}

function isBlank(bytes: Buffer): boolean {
  return bytes.length < 64 && bytes.toString('latin1').trim() === '';
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

function jsonRow(line: number, bytes: Buffer | undefined, maxRowBytes: number): BodyRow | BadRow {
  const bad = (code: 'body_too_large' | 'invalid_json', reason: string): BadRow => ({
    line,
    error: new AttractorError(code, reason),
  });
  if (!bytes) return bad('body_too_large', `the row has more than ${maxRowBytes} bytes`);
  try {
    const value: unknown = JSON.parse(UTF8.decode(bytes));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { line, value };
    return bad('invalid_json', 'expected a JSON object');
  } catch (error) {
    return bad('invalid_json', `not JSON: ${(error as Error).message.slice(0, 120)}`);
  }
}

/** Which column is the id and which the group, and all that are no attributes. */
function columnsOf(types: ColumnTypes) {
  const [id, group] = (['id', 'label'] as const).map((role) =>
    GUESSES[role].find((name) => types.get(name) !== undefined),
  );
  return { id, group, taken: [id, group, 'image', 'vector', 'tags'] as (string | undefined)[] };
}

/** Columns as the command line guesses them; every other one is an attribute, of one type in all rows. */
function csvRow(line: number, cells: ReadonlyMap<string, string>, types: ColumnTypes): BodyRow | BadRow {
  const { id, group, taken } = columnsOf(types);
  const entries = [...cells].filter(([name]) => !taken.includes(name));
  const vector = cells.get('vector');
  const value: Record<string, unknown> = {
    id: id && cells.get(id),
    group: group && cells.get(group),
    image: cells.get('image'),
    vector: vector && numbers(vector),
    tags: cells.has('tags') ? tagsOf(cells.get('tags')) : undefined,
    attributes: Object.fromEntries(entries.map(([name, cell]) => [name, typed(types.get(name), cell)])),
  };
  for (const key of Object.keys(value)) if (value[key] === undefined) delete value[key];
  return { line, value };
}

/** `[0.1, 0.2]`, or the numbers alone. */
function numbers(cell: string): unknown {
  try {
    return JSON.parse(cell.startsWith('[') ? cell : `[${cell}]`);
  } catch {
    return cell;
  }
}
