// A catalogue for benches whose collections are made by dimension and hold vectors only: no model is looked for or started.

import { type CatalogueOptions, openCatalogue } from '../src/catalogue/catalogue.ts';
import type { Catalogue } from '../src/catalogue/types.ts';

const none = async (): Promise<never> => {
  throw new Error('vectors only');
};

/** Warnings are left out where no `logger` is given. */
export const openVectors = (
  options: Pick<CatalogueOptions, 'directory' | 'hnsw'> & Partial<Pick<CatalogueOptions, 'logger'>>,
): Promise<Catalogue> =>
  openCatalogue({
    ...{ models: none, embedderFor: none, defaultModel: 'none' },
    logger: { info: () => {}, warn: () => {}, error: console.error },
    ...options,
  });
