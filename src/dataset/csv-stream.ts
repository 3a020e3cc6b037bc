// A stream of CSV as its records, one at a time; csv.ts reads a whole text. What is wrong with a line comes in its place.

import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import { parse } from 'csv-parse';
import { AttractorError } from '../errors/error.ts';
import {
  type CsvLine,
  type CsvProblem,
  type CsvRecord,
  checkHeader,
  csvOptions,
  guessDelimiter,
  recordOf,
} from './csv.ts';
import { linesOf } from './lines.ts';

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
  const problems: CsvProblem[] = [];
  const parser = parse({
    ...csvOptions({ delimiter: guessDelimiter(await firstLine(options.open())), problems }),
    max_record_size: options.maxRecordBytes,
  });
  const source = options.open();
  pipeline(source, parser, () => {});
  let header: readonly string[] | undefined;
  try {
    for await (const line of parser as AsyncIterable<CsvLine>) {
      while (problems.length > 0 && problems[0]!.line <= line.line) yield problems.shift()!;
      if (header === undefined) header = checkHeader(line.record);
      else yield recordOf(header, line);
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
