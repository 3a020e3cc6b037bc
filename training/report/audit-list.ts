// The audit's decisions as a CSV for people: what was done to which image, and what it looks like. Nothing is changed in the data
// set itself: to undo a decision, correct the label there, or train with --audit off.

import type { DatasetRow } from '../../src/dataset/row.ts';
import type { Decision } from '../audit/audit.ts';

/** `rows` are those that were audited, in their order. The worst fit comes first. */
export function auditCsv(options: {
  decisions: readonly Decision[];
  rows: readonly Pick<DatasetRow, 'image' | 'label'>[];
}): string {
  const { decisions, rows } = options;
  const lines = decisions.map(({ row, given, verdict, well, share, neighbours }) => [
    rows[row]!.image,
    given,
    verdict,
    well,
    share.toFixed(4),
    neighbours.map((other) => `${rows[other]!.label}: ${rows[other]!.image}`).join(' | '),
  ]);
  const header = ['image', 'label', 'verdict', 'field_of', 'share_of_own_field', 'nearest_images'];
  return [header, ...lines].map((line) => `${line.map(quoted).join(',')}\n`).join('');
}

const quoted = (cell: string) => (/[",\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
