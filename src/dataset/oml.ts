// The table format of OpenMetricLearning: columns label, path, split, is_query, is_gallery, and x_1, x_2, y_1, y_2 where there
// are boxes. Reads what readCsv has made rows of. Not its task: OML's own CUB and Cars tables share classes between the
// sides, which splitByLayout then says.

import type { Box, Dataset, DatasetProblem, DatasetRow, Split } from './row.ts';

const COLUMNS = ['label', 'path', 'split', 'is_query', 'is_gallery'];
const CORNERS = ['x_1', 'y_1', 'x_2', 'y_2'] as const;
const SPLITS: Record<string, Split> = {
  train: 'train',
  validation: 'validation',
  val: 'validation',
  test: 'test',
};

export function isOml(columns: readonly string[]): boolean {
  return COLUMNS.every((name) => columns.includes(name));
}

/** The columns of the format out of the attributes; a row whose split or flags are none is a problem. */
export function asOml(dataset: Dataset): Dataset {
  const rows: DatasetRow[] = [];
  const problems: DatasetProblem[] = [...dataset.problems];
  for (const row of dataset.rows) {
    const { split: written, is_query, is_gallery, ...rest } = row.attributes;
    const split = SPLITS[String(written)];
    const [query, gallery] = [flag(is_query), flag(is_gallery)];
    if (split === undefined) {
      problems.push({
        line: row.line,
        reason: `split: expected train, validation or test, received ${written}`,
      });
    } else if (split !== 'train' && (query === undefined || gallery === undefined)) {
      problems.push({ line: row.line, reason: 'is_query and is_gallery: expected True or False' });
    } else if (split !== 'train' && !query && !gallery) {
      problems.push({ line: row.line, reason: 'is_query, is_gallery: expected one of them to be True' });
    } else {
      const role = query && gallery ? 'both' : query ? 'query' : 'gallery';
      const box = boxOf(rest);
      const kept = Object.entries(rest).filter(([name]) => !CORNERS.some((corner) => corner === name));
      rows.push({
        ...{ ...row, attributes: Object.fromEntries(kept), split },
        ...(split === 'train' ? {} : { role }),
        ...(box === undefined ? {} : { box }),
      });
    }
  }
  return { ...dataset, rows, problems };
}

/** As pandas writes them; 1 and 0 where a column was made numbers. */
function flag(value: unknown): boolean | undefined {
  const text = String(value ?? '').toLowerCase();
  return ['true', '1', '1.0'].includes(text)
    ? true
    : ['false', '0', '0.0'].includes(text)
      ? false
      : undefined;
}

function boxOf(attributes: DatasetRow['attributes']): Box | undefined {
  const [x, y, right, bottom] = CORNERS.map((name) => attributes[name]);
  if (typeof x !== 'number' || typeof y !== 'number') return undefined;
  if (typeof right !== 'number' || typeof bottom !== 'number') return undefined;
  return { x, y, width: right - x, height: bottom - y };
}
