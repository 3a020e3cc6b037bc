// A stream of CSV as its records, one at a time; csv.ts reads a whole text. What is wrong with a line comes in its place.

import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import { type CsvError, parse } from 'csv-parse';
import { AttractorError } from '../errors/error.ts';
import { checkHeader, guessDelimiter, reasonOf } from './csv.ts';
import { linesOf } from './lines.ts';

export type CsvRecord =
  /** Empty cells are left out. */
  | { readonly line: number; readonly cells: ReadonlyMap<string, string> }
  | { readonly line: number; readonly problem: string };

/** Longest header, and the most that is looked at to tell commas from semicolons. */
const HEADER_BYTES = 64 * 1024;

/**
 * The first line is the header. `open` gives the stream from its beginning, and is called twice. Throws `dataset_invalid`
 * where there is no header or a column name repeats, and where a record is longer than `maxRecordBytes`: nothing after that
 * can be trusted.
 */
export async function* csvRecords(options: {
  open: () => Readable;
  maxRecordBytes: number;
}): AsyncGenerator<CsvRecord> {
  // The parser is a chunk ahead of its records: what it met waits for its place.
  const problems: CsvRecord[] = [];
  const parser = parse({
    bom: true,
    delimiter: guessDelimiter(await firstLine(options.open())),
    info: true,
    max_record_size: options.maxRecordBytes,
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    on_skip: (error: CsvError | undefined) => {
      if (error?.code === 'CSV_MAX_RECORD_SIZE') throw error;
      const line = Number(error?.lines ?? 0);
      if (error && problems.at(-1)?.line !== line) problems.push({ line, problem: reasonOf(error) });
      return undefined;
    },
  });
  const source = options.open();
  pipeline(source, parser, () => {});
  let header: readonly string[] | undefined;
  try {
    for await (const { record, info } of parser as AsyncIterable<{
      record: string[];
      info: { lines: number };
    }>) {
      while (problems.length > 0 && problems[0]!.line <= info.lines) yield problems.shift()!;
      if (header === undefined) {
        header = checkHeader(record);
        continue;
      }
      if (record.length !== header.length) {
        const problem = `expected ${header.length} cells, as the header has, received ${record.length}`;
        yield { line: info.lines, problem };
        continue;
      }
      const cells = new Map<string, string>();
      header.forEach((name, i) => {
        const cell = record[i]!.trim();
        if (cell !== '') cells.set(name, cell);
      });
      yield { line: info.lines, cells };
    }
  } catch (error) {
    if (error instanceof AttractorError) throw error;
    throw new AttractorError('dataset_invalid', `body: not CSV: ${(error as Error).message}`, {
      cause: error,
    });
  } finally {
    source.destroy();
  }
  yield* problems;
  if (header === undefined) checkHeader(undefined);
}

async function firstLine(source: Readable): Promise<string> {
  try {
    for await (const { bytes } of linesOf({ chunks: source, maxBytes: HEADER_BYTES })) {
      return (bytes ?? Buffer.alloc(0)).toString('utf8');
    }
    return '';
  } finally {
    source.destroy();
  }
}
