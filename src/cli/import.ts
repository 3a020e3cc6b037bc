// `attractor import`: a catalogue file or folder into a collection, without the server. Run again, it goes on where
// it was stopped.

import { join, resolve } from 'node:path';
import { openCatalogue } from '../catalogue/catalogue.ts';
import { modelsFolder } from '../catalogue/models-folder.ts';
import type { Catalogue, Collection } from '../catalogue/types.ts';
import { readDataset } from '../dataset/read.ts';
import type { DatasetProblem } from '../dataset/row.ts';
import { AttractorError } from '../errors/error.ts';
import type { Logger } from '../errors/log.ts';
import { type ImportOptions, type ImportReport, importRows } from '../tasks/import.ts';

export interface ImportCommand {
  /** CSV, JSONL or folder. */
  readonly data: string;
  /** Column of the product id; rows that share it are views of one product. */
  readonly group?: string;
  /** Column of the image's path, and of the item's id. */
  readonly image?: string;
  readonly id?: string;
  /** Made with `model` where it does not exist. */
  readonly collection: string;
  readonly model: string;
  /** Folder of the models. Default: this package's. */
  readonly models?: string;
  /** The server's data folder; no server may have it open. */
  readonly folder: string;
  readonly logger: Logger;
  readonly signal?: AbortSignal;
  readonly onProgress?: ImportOptions['onProgress'];
}

/** Rows that cannot be read are returned with those that failed. Throws `store_locked` while a server runs on the folder. */
export async function importCatalogue(
  options: ImportCommand,
): Promise<ImportReport & { problems: readonly DatasetProblem[] }> {
  const { group: label, image, id, logger, signal, onProgress } = options;
  const { rows, problems } = await readDataset({ path: options.data, label, image, id });
  const folder = resolve(options.models ?? join(import.meta.dirname, '../../models'));
  const catalogue = await openCatalogue({
    directory: options.folder,
    ...modelsFolder({ folder, logger }),
    defaultModel: options.model,
    logger,
  });
  try {
    const collection = await openCollection(catalogue, options.collection);
    return { ...(await importRows({ collection, rows, signal, onProgress })), problems };
  } finally {
    await catalogue.close();
  }
}

async function openCollection(catalogue: Catalogue, name: string): Promise<Collection> {
  if (catalogue.list().some((info) => info.name === name)) return catalogue.collection(name);
  try {
    return await catalogue.createCollection({ name });
  } catch (error) {
    if (error instanceof AttractorError && error.code === 'collection_exists')
      return catalogue.collection(name);
    throw error;
  }
}
