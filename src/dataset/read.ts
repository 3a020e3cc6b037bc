// Reads a data set from a CSV or JSONL file or from a folder of class folders. Bad rows are listed, never fatal
// while one good row is left. Not a decoder: whether an image can be decoded shows when it is embedded.

import { readFile, stat } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { AttractorError, invalid, refuseUnknown } from '../errors/error.ts';
import { readCsv } from './csv.ts';
import { readFolder } from './folder.ts';
import { readJsonl } from './jsonl.ts';
import type { Dataset, DatasetProblem, DatasetRow } from './row.ts';
import { rowsFromTable } from './table.ts';

export interface ReadDatasetOptions {
  /** A `.csv`, `.tsv`, `.jsonl` or `.ndjson` file, or a folder with one sub-folder per class. */
  readonly path: string;
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

/**
 * Rows in the order of the source, plus every row that cannot be used with its line and reason.
 * Throws `dataset_invalid` where the source cannot be read or no row is left, `invalid_argument` where a named
 * column does not exist.
 */
export async function readDataset(options: ReadDatasetOptions): Promise<Dataset> {
  refuseUnknown(options, ['path', 'label', 'image', 'id', 'tags'], 'readDataset');
  if (typeof options.path !== 'string' || options.path === '') {
    throw invalid('path', 'a CSV or JSONL file or a folder', options.path);
  }
  const path = resolve(options.path);
  const info = await stat(path).catch((cause: unknown) => {
    throw new AttractorError('dataset_invalid', `No such file or folder: ${options.path}`, { cause });
  });
  const found = info.isDirectory() ? await readFolder({ path }) : await readTableFile(path, options);
  const dataset = await withoutMissingFiles(found);
  if (dataset.rows.length === 0) {
    const first = dataset.problems[0];
    const why = first ? `; line ${first.line}: ${first.reason}` : '';
    throw new AttractorError('dataset_invalid', `${options.path} has no usable rows${why}`);
  }
  return dataset;
}

async function readTableFile(path: string, options: ReadDatasetOptions): Promise<Dataset> {
  const text = await readFile(path, 'utf8');
  const kind = extname(path).toLowerCase();
  const table =
    kind === '.jsonl' || kind === '.ndjson'
      ? readJsonl(text)
      : kind === '.csv' || kind === '.tsv'
        ? readCsv({ text, tabs: kind === '.tsv' })
        : undefined;
  if (table === undefined) {
    throw invalid('path', 'a file ending in .csv, .tsv, .jsonl or .ndjson, or a folder', options.path);
  }
  return rowsFromTable({ table, folder: dirname(path), columns: options });
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
      else problems.push({ line: row.line, reason: `image not found: ${row.image}` });
    });
  }
  problems.sort((a, b) => a.line - b.line);
  return { rows, problems };
}
