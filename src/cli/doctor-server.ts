// What a server started here would meet: its settings, its address, its data folder, its model at work.

import { access, constants, stat, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { freemem, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import type { Config } from '../../server/config.ts';
import { asAttractorError } from '../errors/error.ts';
import type { Finding } from './doctor.ts';

const GiB = 2 ** 30;
/** Below this much room an import of pictures soon ends with store_full. */
const LITTLE = GiB;
const size = (bytes: number) => `${(bytes / GiB).toFixed(1)} GiB`;

export async function examineServer(options: { withModel: boolean }): Promise<Finding[]> {
  const memory = { what: 'memory', found: `${size(freemem())} free of ${size(totalmem())}`, fine: true };
  let config: Config;
  let settings: Finding;
  try {
    const { readSettings } = await import('../../server/settings.ts');
    const read = readSettings({ env: process.env, cwd: process.cwd() });
    config = read.config;
    const unknown = read.unknown.length === 0 ? '' : `; no settings: ${read.unknown.join(', ')}`;
    const from = read.file ?? 'the environment and the defaults';
    settings = { what: 'settings', found: `right, from ${from}${unknown}`, fine: true };
  } catch (error) {
    return [memory, { what: 'settings', found: asAttractorError(error).message, fine: false }];
  }
  const holder = await holderOf(config.data);
  return [
    memory,
    settings,
    await dataFolder(config.data, holder),
    ...(await keysFor(config.data)),
    ...(await collections(config)),
    await address(config, holder),
    ...(options.withModel ? [await model(config)] : []),
  ];
}

/** What is said of the process that has the folder open; undefined where none has. */
async function holderOf(folder: string): Promise<string | undefined> {
  // Trying the lock would make its file.
  if (!(await exists(join(folder, 'attractor.lock')))) return undefined;
  const { lockFolder } = await import('../store/lock.ts');
  try {
    lockFolder(folder).release();
    return undefined;
  } catch (error) {
    return /process \d+/.exec(asAttractorError(error).message)?.[0];
  }
}

async function dataFolder(folder: string, holder: string | undefined): Promise<Finding> {
  const what = 'data folder';
  // One that is not there yet is made in the nearest folder that is.
  let place = folder;
  while (!(await exists(place)) && dirname(place) !== place) place = dirname(place);
  try {
    if (!(await stat(place)).isDirectory()) return { what, found: `${place} is no folder`, fine: false };
    await access(place, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    return { what, found: `${place} cannot be written (${code(error)})`, fine: false };
  }
  const { bavail, bsize } = await statfs(place);
  const room = bavail * bsize;
  const state = place !== folder ? 'will be made' : holder ? `open in ${holder}` : 'can be written';
  return { what, found: `${folder} ${state}, ${size(room)} free`, fine: room >= LITTLE };
}

/** Keys for collections that are not there: a typing error, or too early. Nothing where there are no keys. */
async function keysFor(folder: string): Promise<Finding[]> {
  const { KEYS_FILE, openKeys } = await import('../store/keys.ts');
  if (!(await exists(join(folder, KEYS_FILE)))) return [];
  const what = 'API keys';
  try {
    const { readNames } = await import('../store/reader.ts');
    const names = readNames({ directory: folder });
    const keys = openKeys({ directory: folder });
    const list = keys.list();
    keys.close();
    const absent = list.flatMap(({ id, collections = [] }) =>
      collections.flatMap((name) => (names.has(name) ? [] : `${id} is for ${name}`)),
    );
    const note = absent.length === 0 ? '' : `; of collections that are not there: ${absent.join(', ')}`;
    return [{ what, found: `${list.length}${note}`, fine: true }];
  } catch (error) {
    return [{ what, found: asAttractorError(error).message, fine: false }];
  }
}

/** Whether their models are still the ones that made them. Nothing where there is no collection with a model. */
async function collections({ data, models: folder, embed }: Config): Promise<Finding[]> {
  try {
    const { readModels } = await import('../store/reader.ts');
    const made = readModels({ directory: data });
    if (made.length === 0) return [];
    const { withoutTheirModel } = await import('../catalogue/context.ts');
    const { modelsFolder } = await import('../catalogue/models-folder.ts');
    const { models } = modelsFolder({ folder, precision: embed.precision });
    const odd = await withoutTheirModel({ collections: made, models });
    if (odd.length === 0)
      return [{ what: 'collections', found: `${made.length}, each with its model`, fine: true }];
    return odd.map(({ collection, why }) => ({ what: `collection ${collection}`, found: why, fine: false }));
  } catch (error) {
    return [{ what: 'collections', found: asAttractorError(error).message, fine: false }];
  }
}

function address({ host, port }: Config, holder: string | undefined): Promise<Finding> {
  const what = 'address';
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => {
      const taken = code(error) === 'EADDRINUSE';
      const why = taken && holder ? `in use, by the server of this folder (${holder}) it seems` : code(error);
      resolve({ what, found: `${host}:${port}: ${why}`, fine: taken && holder !== undefined });
    });
    server.listen(port, host, () => {
      server.close(() => resolve({ what, found: `${host}:${port} is free to listen on`, fine: true }));
    });
  });
}

/** The model of new collections, on one plain picture: in this process, as a child of the server would. */
async function model({ models, model: name }: Config): Promise<Finding> {
  const what = `embed with ${name}`;
  try {
    const { sharp } = await import('../image/libvips.ts');
    const { loadModel } = await import('../model/load.ts');
    const { createModelEmbedder } = await import('../embed/model-embedder.ts');
    const create = { width: 64, height: 64, channels: 3, background: '#c08040' } as const;
    const picture = await sharp({ create }).jpeg().toBuffer();
    const directory = join(models, name);
    const embedder = await createModelEmbedder({
      model: await loadModel({ directory }),
      providers: ['cuda', 'cpu'],
    });
    const embed = () => embedder.embedImages({ images: [picture] });
    const [result] = await embed();
    if ('error' in result!) throw result.error;
    const from = performance.now();
    await embed();
    const ms = Math.round(performance.now() - from);
    await embedder.close();
    return {
      what,
      found: `works on ${embedder.provider}, ${ms} ms a picture, ${embedder.fingerprint}`,
      fine: true,
    };
  } catch (error) {
    return { what, found: asAttractorError(error).message, fine: false };
  }
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

const code = (error: unknown) => (error as NodeJS.ErrnoException).code ?? String(error);
