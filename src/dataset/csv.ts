// CSV and TSV text as a table of named cells. csv-parse does the parsing; here are only our rules for bad lines.

import { type CsvError, parse } from 'csv-parse/sync';
import { AttractorError } from '../errors/error.ts';
import type { DatasetProblem } from './row.ts';
import type { Table, TableRecord } from './table.ts';

/** The first line is the header. Throws `dataset_invalid` where there is none or a column name repeats. */
export function readCsv(options: { text: string; tabs: boolean }): Table {
  const problems: DatasetProblem[] = [];
  let lines: { record: string[]; info: { lines: number } }[];
  try {
    lines = parse(options.text, {
      bom: true,
      delimiter: options.tabs ? '\t' : guessDelimiter(options.text),
      info: true,
      skip_empty_lines: true,
      skip_records_with_error: true,
      on_skip: (error: CsvError | undefined) => {
        if (error) problems.push({ line: Number(error.lines ?? 0), reason: reasonOf(error) });
        return undefined;
      },
    }) as unknown as { record: string[]; info: { lines: number } }[];
  } catch (cause) {
    throw new AttractorError('dataset_invalid', `The file is not CSV: ${(cause as Error).message}`, {
      cause,
    });
  }
  const header = checkHeader(lines.shift()?.record);
  const records = lines.map(({ record, info }): TableRecord => {
    const cells = new Map<string, string>();
    header.forEach((name, i) => {
      const cell = record[i]!.trim();
      if (cell !== '') cells.set(name, cell);
    });
    return { line: info.lines, cells };
  });
  return { columns: header, records, problems, typed: false };
}

/** The names of the columns. Throws `dataset_invalid`. */
export function checkHeader(record: readonly string[] | undefined): string[] {
  const header = record?.map((name) => name.trim());
  if (header === undefined) {
    throw new AttractorError('dataset_invalid', 'The file is empty: expected a header line');
  }
  const repeated = header.find((name, i) => name === '' || header.indexOf(name) !== i);
  if (repeated !== undefined) {
    throw new AttractorError(
      'dataset_invalid',
      `The header has a repeated or empty column name: "${repeated}"`,
    );
  }
  return header;
}

/** Spreadsheets of half of Europe write semicolons: believed only where the header has no comma. */
export function guessDelimiter(text: string): ',' | ';' {
  const end = text.search(/\r|\n/);
  const header = end < 0 ? text : text.slice(0, end);
  return !header.includes(',') && header.includes(';') ? ';' : ',';
}

export function reasonOf(error: CsvError): string {
  const { column, record } = error as { column?: unknown; record?: unknown };
  if (error.code.startsWith('CSV_RECORD_INCONSISTENT') && Array.isArray(record)) {
    return `expected as many cells as the header has, received ${record.length}`;
  }
  return `${error.message.split('\n')[0]}${typeof column === 'string' ? ` (column ${column})` : ''}`;
}
