// CSV and TSV text as a table of named cells. csv-parse does the parsing; here are only our rules for bad lines.

import { type CsvError, type InfoCallback, type Options, parse } from 'csv-parse/sync';
import { AttractorError } from '../errors/error.ts';
import type { DatasetProblem } from './row.ts';
import type { Table, TableRecord } from './table.ts';

/** A record as `csvOptions` makes csv-parse give it. */
export interface CsvLine {
  /** Its last one. */
  readonly line: number;
  readonly record: readonly string[];
}

export type CsvRecord =
  /** Empty cells are left out. */
  { readonly line: number; readonly cells: ReadonlyMap<string, string> } | CsvProblem;

export interface CsvProblem {
  readonly line: number;
  readonly problem: string;
}

/** The first line is the header. Throws `dataset_invalid` where there is none or a column name repeats. */
export function readCsv(options: { text: string; tabs: boolean }): Table {
  const found: CsvProblem[] = [];
  const delimiter = options.tabs ? '\t' : guessDelimiter(options.text);
  let lines: CsvLine[];
  try {
    lines = parse(options.text, csvOptions({ delimiter, problems: found })) as unknown as CsvLine[];
  } catch (cause) {
    throw new AttractorError('dataset_invalid', `The file is not CSV: ${(cause as Error).message}`, {
      cause,
    });
  }
  const header = checkHeader(lines.shift()?.record);
  const records: TableRecord[] = [];
  for (const line of lines) {
    const record = recordOf(header, line);
    if ('cells' in record) records.push(record);
    else found.push(record);
  }
  const problems = found.map(({ line, problem }): DatasetProblem => ({ line, reason: problem }));
  return { columns: header, records, problems, typed: false };
}

/**
 * How csv-parse reads a text or a stream: lines may end in more than one way, and what it cannot read is put into `problems`,
 * at the line where the record began: that is where the quote is that the lines after it fell into.
 */
export function csvOptions(options: { delimiter: string; problems: CsvProblem[] }): Options {
  const { delimiter, problems } = options;
  // Of the record before: its last line, and how many empty ones there were up to there.
  let [end, empty] = [0, 0];
  // csv-parse counts a \r\n within quotes twice.
  let twice = 0;
  let bytesBefore = -1;
  const onRecord = ({ record, info }: { record: string[]; info: InfoCallback }): CsvLine => {
    for (const cell of record) if (cell.includes('\r\n')) twice += cell.split('\r\n').length - 1;
    [end, empty] = [info.lines - twice, info.empty_lines];
    return { line: end, record };
  };
  const onSkip = (error: CsvError | undefined): undefined => {
    if (error === undefined || error.code === 'CSV_MAX_RECORD_SIZE') throw error;
    const info = error as unknown as InfoCallback;
    const last = info.lines - twice;
    // Of a cell that has more than one fault the last one says most: that its quote is never closed.
    const line = info.bytes === bytesBefore ? problems.pop()!.line : end + 1 + info.empty_lines - empty;
    [end, empty, bytesBefore] = [last, info.empty_lines, info.bytes];
    problems.push({ line, problem: reasonOf(error.code, line, last) });
  };
  return {
    bom: true,
    delimiter,
    info: true,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    on_record: onRecord as unknown as Options['on_record'],
    on_skip: onSkip,
  };
}

function reasonOf(code: string, from: number, to: number): string {
  if (code === 'CSV_QUOTE_NOT_CLOSED') {
    return 'a quote that opens in this row is never closed: the rest of the file was read as one cell';
  }
  const rule = 'put such a cell in quotes and write each quote in it twice';
  const eaten = to > from ? `; lines ${from} to ${to} were read as one row` : '';
  return `a quote in the middle of a cell on line ${to}: ${rule}${eaten}`;
}

/** A record's cells by the names of their columns. */
export function recordOf(header: readonly string[], { line, record }: CsvLine): CsvRecord {
  if (record.length !== header.length) {
    const problem = `expected ${header.length} cells, as the header has, received ${record.length}`;
    return { line, problem };
  }
  const cells = new Map<string, string>();
  header.forEach((name, i) => {
    const cell = record[i]!.trim();
    if (cell !== '') cells.set(name, cell);
  });
  return { line, cells };
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
