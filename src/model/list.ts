// The model folders beside each other in one folder, by what their manifests say. Opens no graph: whether a graph agrees with
// its manifest shows when the model is loaded.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AttractorError } from '../errors/error.ts';
import { readManifest } from './load.ts';
import type { ModelManifest } from './manifest.ts';

export interface ListedModel {
  /** Of its folder: what collections and calls name it by. */
  readonly name: string;
  readonly manifest: ModelManifest;
}

/** By name; folders without a manifest that can be read are left out. */
export async function listModels(options: { folder: string }): Promise<ListedModel[]> {
  const names = await namesIn(options.folder);
  const found = await Promise.all(
    names.map(async (name) => {
      const manifest = await readManifest(join(options.folder, name)).catch(() => undefined);
      return manifest ? [{ name, manifest }] : [];
    }),
  );
  return found.flat();
}

/** Throws `model_not_found`, also for a name that is a path, or `model_invalid`. */
export async function findModel(options: { folder: string; name: string }): Promise<ListedModel> {
  const { folder, name } = options;
  if (!(await namesIn(folder)).includes(name)) throw modelNotFound(name);
  return { name, manifest: await readManifest(join(folder, name)) };
}

/** By its name: callers of the API are not told where the folder is. */
export function modelNotFound(name: string, cause?: unknown): AttractorError {
  const received = name.slice(0, 64);
  return new AttractorError('model_not_found', `There is no model "${received}".`, {
    field: 'model',
    received,
    cause,
  });
}

async function namesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
    .map(({ name }) => name)
    .sort();
}
