// Imports a data set into a collection: reads each row's image, upserts in batches. One bad row fails alone, and what
// is there already is neither embedded nor written again, so an import that was stopped is simply run again.

import { readFile } from 'node:fs/promises';
import type { Catalogue, Collection, ItemInput } from '../catalogue/types.ts';
import type { DatasetRow } from '../dataset/row.ts';
import { AttractorError, invalid, refuseUnknown } from '../errors/error.ts';
import { upsertBatch } from './batch.ts';

export interface ImportProgress {
  readonly done: number;
  /** Rows in all, as far as they are known: a stream without `total` counts up. */
  readonly total: number;
  readonly failed: number;
}

export interface ImportFailure {
  /** 1-based, in the source file. */
  readonly line: number;
  readonly id: string;
  readonly reason: string;
  readonly error: AttractorError;
}

export interface ImportReport {
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  /** The dead letters, in order of rows. */
  readonly failed: readonly ImportFailure[];
}

export interface ImportOptions {
  readonly collection: Collection;
  readonly rows: Iterable<DatasetRow> | AsyncIterable<DatasetRow>;
  /** Product id of a row; default: its label. */
  readonly mapGroup?: (row: DatasetRow) => string;
  /** Rows per transaction, 1 to 1,000; default 32. */
  readonly batchSize?: number;
  /** For streams; an array knows its length. */
  readonly total?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ImportProgress) => void;
}

const OPTIONS = ['collection', 'rows', 'mapGroup', 'batchSize', 'total', 'signal', 'onProgress'];

/**
 * Every batch is durable when its progress is reported. Throws `aborted`, and what concerns the collection as a whole
 * (`fingerprint_mismatch`, `collection_not_found`, `not_ready`).
 */
export async function importRows(options: ImportOptions): Promise<ImportReport> {
  refuseUnknown(options, OPTIONS, 'import');
  const { rows, batchSize = 32, onProgress } = options;
  if (!Number.isInteger(batchSize) || batchSize < 1 || batchSize > 1000) {
    throw invalid('batchSize', 'an integer from 1 to 1000', batchSize);
  }
  const count = { created: 0, updated: 0, unchanged: 0 };
  const failed: ImportFailure[] = [];
  const total = options.total ?? (Array.isArray(rows) ? rows.length : 0);
  let done = 0;
  for await (const batch of batches(rows, batchSize)) {
    const inputs = await Promise.all(batch.map((row) => inputOf(row, options.mapGroup)));
    const { collection, signal } = options;
    for (const [i, outcome] of (await upsertBatch({ collection, inputs, signal })).entries()) {
      const { line, id } = batch[i]!;
      if (typeof outcome === 'string') count[outcome]++;
      else failed.push({ line, id, reason: outcome.message, error: outcome });
    }
    done += batch.length;
    onProgress?.({ done, total: Math.max(total, done), failed: failed.length });
  }
  return { ...count, failed };
}

/** The collection to import into, made with the default model where it does not exist. */
export async function openCollection(options: { catalogue: Catalogue; name: string }): Promise<Collection> {
  const { catalogue, name } = options;
  const known = catalogue.list().some((info) => info.name === name);
  return known ? catalogue.collection(name) : catalogue.createCollection({ name });
}

async function inputOf(
  row: DatasetRow,
  mapGroup: ImportOptions['mapGroup'],
): Promise<ItemInput | AttractorError> {
  const { id, tags, attributes } = row;
  try {
    const image = await readFile(row.image);
    return { id, group: mapGroup?.(row) ?? row.label, image, tags, attributes };
  } catch (cause) {
    const why = (cause as Error).message;
    return new AttractorError('dataset_invalid', `The image ${row.image} cannot be read: ${why}`, { cause });
  }
}

async function* batches<T>(rows: Iterable<T> | AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let batch: T[] = [];
  for await (const row of rows) {
    batch.push(row);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
