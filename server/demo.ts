// The demo shop: its sample photos, and the import of its catalogue at the first start. Once imported it is the
// user's: a shop that was deleted is not given again, and one that was half imported when the process died goes on.

import { basename, join } from 'node:path';
import type { Catalogue } from '../src/catalogue/types.ts';
import { readDataset } from '../src/dataset/read.ts';
import type { Logger } from '../src/errors/log.ts';
import { importRows, openCollection } from '../src/tasks/import.ts';

const COLLECTION = 'shop';
/** The catalogue's note that the demo was imported. */
const META = 'demo';

export interface DemoSample {
  readonly file: string;
  /** Absolute. */
  readonly path: string;
  /** As /samples lists it. */
  readonly shown: object;
}

export interface DemoShop {
  readonly collection: string;
  readonly samples: readonly DemoSample[];
  /** Path of the text that names authors and licences. */
  readonly attribution: string;
}

/** Reads `samples.csv` of the demo's folder. */
export async function readDemo(options: { folder: string }): Promise<DemoShop> {
  const { rows } = await readDataset({ path: join(options.folder, 'samples.csv'), label: 'product_id' });
  const samples = rows.map((row): DemoSample => {
    const file = basename(row.image);
    return {
      file,
      path: row.image,
      shown: { image: `/samples/${file}`, group: row.label, ...row.attributes },
    };
  });
  return { collection: COLLECTION, samples, attribution: join(options.folder, 'README.md') };
}

/**
 * Imports what is not there yet. Rows that fail are logged and do not stop it. Never throws: the demo is a guest, what else is
 * served goes on without it, and the next start tries again.
 */
export async function importDemo(options: {
  catalogue: Catalogue;
  folder: string;
  logger: Logger;
  signal: AbortSignal;
  onProgress: (progress: { done: number; total: number }) => void;
}): Promise<void> {
  const { catalogue, folder, logger, signal, onProgress } = options;
  if (catalogue.getMeta(META) !== undefined) return;
  const began = performance.now();
  try {
    const { rows } = await readDataset({ path: join(folder, 'catalogue.csv'), label: 'product_id' });
    onProgress({ done: 0, total: rows.length });
    const collection = await openCollection({ catalogue, name: COLLECTION });
    const { failed } = await importRows({ collection, rows, signal, onProgress });
    for (const { id, error } of failed) {
      logger.warn({ item: id, code: error.code }, `demo shop: an image was left out: ${error.message}`);
    }
    catalogue.setMeta(META, 'imported');
    logger.info({ seconds: Math.round((performance.now() - began) / 1000) }, 'The demo shop is complete.');
  } catch (error) {
    if (!signal.aborted) logger.error({ err: error }, 'The demo shop could not be imported.');
  }
}
