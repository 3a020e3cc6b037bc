// Reads a data set from a CSV or JSONL file, from a folder of class folders or from a published data set as it is unpacked. Bad
// rows are listed, never fatal while one good row is left. Not a decoder: whether an image can be decoded shows when it is embedded.

import { readFile, stat } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { AttractorError, invalid, refuseUnknown } from '../errors/error.ts';
import { readCsv } from './csv.ts';
import { readFolder } from './folder.ts';
import { readJsonl } from './jsonl.ts';
import { findLayout, LAYOUTS } from './layouts/index.ts';
import { isList, readList } from './list.ts';
import { asOml, isOml } from './oml.ts';
import type { Dataset, DatasetProblem, DatasetRow } from './row.ts';
import { type ColumnNames, rowsFromTable } from './table.ts';

/** Of files: a table with a header, OpenMetricLearning's table, a list `path,label`. The others are of folders. */
export const LAYOUT_NAMES = ['table', 'oml', 'list', 'folder', 'cub', 'cars', 'sop', 'in-shop'] as const;

export type LayoutName = (typeof LAYOUT_NAMES)[number];

export interface ReadDatasetOptions {
  /** A `.csv`, `.tsv`, `.jsonl` or `.ndjson` file, a folder with one sub-folder per class, or a published data set's folder. */
  readonly path: string;
  /** How `path` is laid out. Default: told from the header's columns or the folder's files. */
  readonly layout?: LayoutName;
  /** Folder that the image paths of a file are relative to. Default: the file's own. */
  readonly images?: string;
  /** Column of the class. Guessed from label, group, product_id, class; where none exists every row is its own class. */
  readonly label?: string;
  /** Column of the image's path, relative to the file. Guessed from image, path, file, filename. */
  readonly image?: string;
  /** Column of the id. Guessed from id, item_id; where none exists the image's path as written. */
  readonly id?: string;
  /** Column of tags, split on `|` and `;`. Guessed from tags. */
  readonly tags?: string;
}

const STAT_AT_ONCE = 64;

const KNOWN = ['path', 'layout', 'images', 'label', 'image', 'id', 'tags'];

/**
 * Rows in the order of the source, plus every row that cannot be used with its line and reason.
 * Throws `dataset_invalid` where the source cannot be read or no row is left, `invalid_argument` where a named
 * column does not exist.
 */
export async function readDataset(options: ReadDatasetOptions): Promise<Dataset> {
  const dataset = await scanDataset(options);
  if (dataset.rows.length === 0) {
    const first = dataset.problems[0];
    const why = first ? `; line ${first.line}: ${first.reason}` : '';
    throw new AttractorError('dataset_invalid', `${options.path} has no usable rows${why}`);
  }
  return dataset;
}

/** The same, for one who wants the problems even where no row is left. */
export async function scanDataset(options: ReadDatasetOptions): Promise<Dataset> {
  refuseUnknown(options, KNOWN, 'readDataset');
  if (typeof options.path !== 'string' || options.path === '') {
    throw invalid('path', 'a CSV or JSONL file or a folder', options.path);
  }
  const { layout } = options;
  if (layout !== undefined && !LAYOUT_NAMES.includes(layout)) {
    throw invalid('layout', `one of ${LAYOUT_NAMES.join(', ')}`, layout);
  }
  const path = resolve(options.path);
  const info = await stat(path).catch((cause: unknown) => {
    throw new AttractorError('dataset_invalid', `No such file or folder: ${options.path}`, { cause });
  });
  const found = info.isDirectory() ? await readPublished(path, options) : await readTableFile(path, options);
  return withoutMissingFiles(found);
}

async function readPublished(path: string, options: ReadDatasetOptions): Promise<Dataset> {
  const { layout, label } = options;
  if (layout === 'folder') return readFolder({ path });
  if (layout === 'table' || layout === 'oml' || layout === 'list') {
    throw invalid('layout', 'one of a folder, as the path is one', layout);
  }
  const found = await findLayout(path, layout && [LAYOUTS[layout]]);
  if (layout !== undefined && found === undefined) {
    throw new AttractorError(
      'dataset_invalid',
      `${options.path} is not ${LAYOUTS[layout].title}: there is no ${LAYOUTS[layout].marks.join(' or ')}`,
    );
  }
  if (found === undefined) return readFolder({ path });
  if (label !== undefined) throw invalid('label', `nothing, as ${found.layout.title} has labels`, label);
  return found.layout.read(found.folder);
}

async function readTableFile(path: string, options: ReadDatasetOptions): Promise<Dataset> {
  const { layout } = options;
  if (layout === 'folder' || (layout !== undefined && layout in LAYOUTS)) {
    throw invalid('layout', 'table, oml or list, as the path is a file', layout);
  }
  const kind = extname(path).toLowerCase();
  const json = kind === '.jsonl' || kind === '.ndjson';
  if (!json && kind !== '.csv' && kind !== '.tsv' && !(kind === '.txt' && layout === 'list')) {
    throw invalid('path', 'a file ending in .csv, .tsv, .jsonl or .ndjson, or a folder', options.path);
  }
  const text = await readFile(path, 'utf8');
  const folder = options.images === undefined ? dirname(path) : resolve(options.images);
  if (layout === 'list' || (layout === undefined && kind === '.csv' && isList(text))) {
    return readList({ text, file: path, images: folder });
  }
  const table = json ? readJsonl(text) : readCsv({ text, tabs: kind === '.tsv' });
  const oml = layout === 'oml' || (layout === undefined && isOml(table.columns));
  if (!oml) return rowsFromTable({ table, folder, columns: options });
  if (!isOml(table.columns)) {
    throw invalid('layout', 'oml with columns label, path, split, is_query, is_gallery', table.columns);
  }
  return asOml(
    rowsFromTable({ table, folder, columns: { label: 'label', image: 'path', ...named(options) } }),
  );
}

/** The columns that were named: an undefined one must not hide a default. */
function named({ label, image, id, tags }: ReadDatasetOptions): ColumnNames {
  const given = Object.entries({ label, image, id, tags }).filter(([, name]) => name !== undefined);
  return Object.fromEntries(given);
}

async function withoutMissingFiles(dataset: Dataset): Promise<Dataset> {
  const rows: DatasetRow[] = [];
  const problems: DatasetProblem[] = [...dataset.problems];
  for (let start = 0; start < dataset.rows.length; start += STAT_AT_ONCE) {
    const chunk = dataset.rows.slice(start, start + STAT_AT_ONCE);
    const exists = await Promise.all(
      chunk.map((row) =>
        stat(row.image).then(
          (info) => info.isFile(),
          () => false,
        ),
      ),
    );
    chunk.forEach((row, i) => {
      if (exists[i]) rows.push(row);
      else problems.push({ line: row.line, reason: `image not found: ${row.image}`, kind: 'missing-file' });
    });
  }
  problems.sort((a, b) => a.line - b.line);
  return { ...dataset, rows, problems };
}
