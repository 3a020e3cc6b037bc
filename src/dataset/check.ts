// Looks at a data set as a whole: every row that cannot be used or that contradicts another, and what is likely to be a slip.
// Not a decoder: an image is one by its first bytes. A label that is merely wrong is for the audit of `attractor train`.

import { refuseUnknown } from '../errors/error.ts';
import { type ReadHeadsOptions, readHeads } from './heads.ts';
import type { Dataset, DatasetRow } from './row.ts';

/** What makes a row unusable, or the labels contradict each other. */
export const FATAL_KINDS = ['row', 'missing-file', 'not-an-image', 'empty-label', 'two-labels'] as const;
/** What training can live with. */
export const SLIP_KINDS = [
  'repeated',
  'similar-labels',
  'lone-image',
  'mixed-column',
  'no-labels',
  'shared-classes',
] as const;

export type FindingKind = (typeof FATAL_KINDS)[number] | (typeof SLIP_KINDS)[number];

export interface Finding {
  /** 0 where it is not about one line. */
  readonly line: number;
  readonly kind: FindingKind;
  readonly reason: string;
}

export interface DatasetCheck {
  /** Rows that can be used. */
  readonly images: number;
  readonly classes: number;
  /** Images of the smallest, the median and the largest class. */
  readonly classSizes: { readonly least: number; readonly median: number; readonly most: number };
  /** Images and classes of each part, where the source names a split. */
  readonly splits: Readonly<Record<string, { readonly images: number; readonly classes: number }>>;
  /** By line. */
  readonly findings: readonly Finding[];
  readonly counts: Readonly<Partial<Record<FindingKind, number>>>;
  readonly fatal: boolean;
}

export interface CheckDatasetOptions extends Omit<ReadHeadsOptions, 'images'> {
  /** As scanDataset gives it. */
  readonly dataset: Dataset;
}

/** Throws only the signal's reason: whatever is wrong with the data is a finding. */
export async function checkDataset(options: CheckDatasetOptions): Promise<DatasetCheck> {
  refuseUnknown(options, ['dataset', 'sniff', 'bytes', 'signal', 'onProgress'], 'checkDataset');
  const { dataset, ...reading } = options;
  const { rows, problems, warnings = [] } = dataset;
  const findings = problems.map(({ line, reason, kind }): Finding => ({ line, kind: kind ?? 'row', reason }));
  for (const warning of warnings) findings.push({ ...warning, kind: 'mixed-column' });
  const files = await readHeads({ ...reading, images: rows.map((row) => row.image) });
  const usable = rows.filter((row, i) => {
    const why = files[i]!.problem;
    if (why !== undefined)
      findings.push({ line: row.line, kind: 'not-an-image', reason: `${why}: ${row.image}` });
    return why === undefined;
  });
  const hashOf = new Map(rows.map((row, i) => [row, files[i]!.hash]));
  findings.push(...sameImages(usable, 'file', (row) => row.image + boxOf(row)));
  const hash = (row: DatasetRow) => hashOf.get(row) && hashOf.get(row) + boxOf(row);
  findings.push(...sameImages(usable, 'bytes', hash));
  findings.push(...slipsOf(usable));
  // A stable sort: findings of one line stay in the order above.
  findings.sort((a, b) => a.line - b.line);

  const counts: Partial<Record<FindingKind, number>> = {};
  for (const { kind } of findings) counts[kind] = (counts[kind] ?? 0) + 1;
  const sizes = [...groupRows(usable, (row) => row.label).values()].map((group) => group.length);
  sizes.sort((a, b) => a - b);
  const parts = groupRows(usable, (row) => row.split);
  return {
    images: usable.length,
    classes: sizes.length,
    classSizes: { least: sizes[0] ?? 0, median: sizes[sizes.length >> 1] ?? 0, most: sizes.at(-1) ?? 0 },
    splits: Object.fromEntries(
      [...parts].map(([split, group]) => [split, { images: group.length, classes: labelsOf(group).size }]),
    ),
    findings,
    counts,
    fatal: FATAL_KINDS.some((kind) => counts[kind] !== undefined),
  };
}

/** Every row whose image an earlier row has already. */
function sameImages(
  rows: readonly DatasetRow[],
  what: string,
  keyOf: (row: DatasetRow) => string | undefined,
): Finding[] {
  return [...groupRows(rows, keyOf).values()].flatMap(([first, ...others]) =>
    others
      // The same file has the same bytes: said once.
      .filter((row) => what === 'file' || row.image !== first!.image)
      .map((row): Finding => {
        const reason = `${row.id} is the same ${what} as ${first!.id} on line ${first!.line}`;
        if (row.label === first!.label) return { line: row.line, kind: 'repeated', reason };
        const both = `"${first!.label}" there and "${row.label}" here`;
        return { line: row.line, kind: 'two-labels', reason: `${reason}, labelled ${both}` };
      }),
  );
}

/** Two objects in one image, each with its box, are two images. */
const boxOf = ({ box }: DatasetRow) => (box ? JSON.stringify(box) : '');

function slipsOf(rows: readonly DatasetRow[]): Finding[] {
  const classes = groupRows(rows, (row) => row.label);
  if (rows.length > 1 && rows.every((row) => row.label === row.id)) {
    return [
      { line: 0, kind: 'no-labels', reason: 'no column is a label: every image is a class of its own' },
    ];
  }
  const found: Finding[] = [];
  const alike = new Map<string, string>();
  for (const [label, group] of classes) {
    const { line } = group[0]!;
    const plain = label.normalize('NFKC').toLowerCase().replace(/\s+/g, '');
    const other = alike.get(plain);
    if (other === undefined) alike.set(plain, label);
    else {
      const reason = `label "${label}" differs from "${other}" only by case or space`;
      found.push({ line, kind: 'similar-labels', reason });
    }
    if (group.length === 1)
      found.push({ line, kind: 'lone-image', reason: `class "${label}" has one image` });
  }
  const trained = labelsOf(rows.filter(({ split }) => split === 'train'));
  const judged = labelsOf(rows.filter(({ split }) => split !== undefined && split !== 'train'));
  const shared = [...judged].filter((label) => trained.has(label));
  if (shared.length > 0) {
    const reason = `${shared.length} of ${judged.size} classes of validation and test are in train too`;
    found.push({ line: 0, kind: 'shared-classes', reason });
  }
  return found;
}

const labelsOf = (rows: readonly DatasetRow[]) => new Set(rows.map(({ label }) => label));

function groupRows<K>(
  rows: readonly DatasetRow[],
  keyOf: (row: DatasetRow) => K | undefined,
): Map<K, DatasetRow[]> {
  const groups = new Map<K, DatasetRow[]>();
  for (const row of rows) {
    const key = keyOf(row);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return groups;
}
