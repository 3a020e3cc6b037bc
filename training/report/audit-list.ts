// The audit's decisions as a CSV for people: what was done to which image, and what it looks like. A `yes` in its first column says
// that the label is right: the next run that is given the file leaves it alone. Nothing is changed in the data set itself.

import { resolve } from 'node:path';
import { readCsv } from '../../src/dataset/csv.ts';
import type { DatasetRow } from '../../src/dataset/row.ts';
import { AttractorError } from '../../src/errors/error.ts';
import type { Decision } from '../audit/audit.ts';

const COLUMNS = ['keep', 'image', 'label', 'verdict', 'field_of', 'share_of_own_field', 'nearest_images'];

type Row = Pick<DatasetRow, 'image' | 'label'>;

/**
 * `rows` are those that were audited, in their order; `kept` those that were left alone because they were told to be right. The
 * worst fit comes first, what was kept last.
 */
export function auditCsv(options: {
  decisions: readonly Decision[];
  rows: readonly Row[];
  kept?: readonly number[];
}): string {
  const { decisions, rows, kept = [] } = options;
  const decided = decisions.map(({ row, given, verdict, well, share, neighbours }) => [
    '',
    rows[row]!.image,
    given,
    verdict,
    well,
    share.toFixed(4),
    neighbours.map((other) => `${rows[other]!.label}: ${rows[other]!.image}`).join(' | '),
  ]);
  const left = kept.map((row) => ['yes', rows[row]!.image, rows[row]!.label, 'kept', '', '', '']);
  return [COLUMNS, ...decided, ...left].map((line) => `${line.map(quoted).join(',')}\n`).join('');
}

const quoted = (cell: string) => (/[",\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

/**
 * Numbers of the rows that such a file says `yes` to, ascending. Throws `dataset_invalid` where it is not one, or names an image
 * that is not there: it would be of other data.
 */
export function readKept(options: { text: string; file: string; rows: readonly Row[] }): number[] {
  const { text, file, rows } = options;
  const table = readCsv({ text, tabs: false });
  for (const column of ['keep', 'image']) {
    if (!table.columns.includes(column)) {
      throw new AttractorError(
        'dataset_invalid',
        `${file}: expected a column "${column}", received ${table.columns.join(', ')}`,
      );
    }
  }
  const byImage = new Map<string, number[]>();
  for (const [row, { image }] of rows.entries()) byImage.set(image, [...(byImage.get(image) ?? []), row]);
  const kept = table.records.flatMap(({ line, cells }) => {
    const image = String(cells.get('image') ?? '');
    const mark = String(cells.get('keep') ?? '')
      .trim()
      .toLowerCase();
    if (mark === '' || mark === 'no') return [];
    if (mark !== 'yes') {
      throw new AttractorError(
        'dataset_invalid',
        `${file}, line ${line}: keep: expected yes, no or nothing, received "${mark}"`,
      );
    }
    const found = byImage.get(resolve(image));
    if (found === undefined) {
      throw new AttractorError(
        'dataset_invalid',
        `${file}, line ${line}: no image of the data set is ${image}`,
      );
    }
    return found;
  });
  return [...new Set(kept)].sort((a, b) => a - b);
}
