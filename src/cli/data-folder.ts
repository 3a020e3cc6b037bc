// A data folder as a command opens it: no server may have it open, and a model starts only when an image comes.

import type { Catalogue } from '../catalogue/types.ts';
import { AttractorError, asAttractorError } from '../errors/error.ts';
import type { Logger } from '../errors/log.ts';
import type { Precision } from '../model/load.ts';

/** Only what an operator has to act on: progress is shown by the bar. */
const LOGGER: Logger = {
  info: () => {},
  warn: (_, message) => console.error(`warning: ${message}`),
  error: (_, message) => console.error(`error: ${message}`),
};

/**
 * `models` is the folder of the models, `model` the one of new collections, `instead` the route by which a server that has the
 * folder open does the same.
 */
export async function openFolder(options: {
  folder: string;
  models: string;
  model: string;
  precision?: Precision;
  instead: string;
}): Promise<Catalogue> {
  const { folder, models, model, precision, instead } = options;
  const { openCatalogue } = await import('../catalogue/catalogue.ts');
  const { modelsFolder } = await import('../catalogue/models-folder.ts');
  return openCatalogue({
    directory: folder,
    ...modelsFolder({ folder: models, precision, logger: LOGGER }),
    defaultModel: model,
    logger: LOGGER,
  }).catch((cause) => {
    const error = asAttractorError(cause);
    if (error.code !== 'store_locked') throw cause;
    throw new AttractorError('store_locked', `${error.message} Or ask the server: ${instead}.`, { cause });
  });
}
