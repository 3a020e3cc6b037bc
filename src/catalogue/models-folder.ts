// Gives a catalogue the models of a folder: what each one is, and child processes that embed with it.

import { join } from 'node:path';
import type { EmbedderOptions } from '../embed/options.ts';
import { createEmbedder, type PooledEmbedder } from '../embed/pool.ts';
import { AttractorError } from '../errors/error.ts';
import { modelNotFound } from '../model/list.ts';
import { loadModel } from '../model/load.ts';
import type { CatalogueOptions } from './catalogue.ts';

export type ModelsFolderOptions = Omit<EmbedderOptions, 'directory'> & {
  /** Has one model folder per name. */
  readonly folder: string;
};

/** To be spread into the options of openCatalogue. */
export function modelsFolder(
  options: ModelsFolderOptions,
): Pick<CatalogueOptions, 'models'> & { embedderFor: (model: string) => Promise<PooledEmbedder> } {
  const { folder, ...embedder } = options;
  const { precision } = embedder;
  return {
    models: async (name) => {
      const { manifest, fingerprint } = await loadModel({ directory: join(folder, name), precision }).catch(
        (error: unknown) => {
          const missing = error instanceof AttractorError && error.code === 'model_not_found';
          throw missing ? modelNotFound(name, error) : error;
        },
      );
      return { name, fingerprint, dimension: manifest.dimension };
    },
    embedderFor: (name) =>
      createEmbedder({
        providers: precision === 'int8' ? ['cpu'] : ['cuda', 'cpu'],
        ...embedder,
        directory: join(folder, name),
      }),
  };
}
