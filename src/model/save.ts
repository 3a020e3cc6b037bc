// Writes a model folder: everything in a folder beside it, read back and checked, then renamed into place.

import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { invalid } from '../errors/error.ts';
import { decodeModel, encodeModel } from '../onnx/codec.ts';
import type { OnnxModel } from '../onnx/model.ts';
import { type Disk, disk as realDisk, writeSynced } from '../store/disk.ts';
import { composeGraph } from './compose.ts';
import { fingerprint } from './fingerprint.ts';
import { ASIDE, DRAFT, loadModel } from './load.ts';
import type { ModelManifest } from './manifest.ts';

export interface SaveModelOptions {
  /** The model's folder. One that is there already is replaced. */
  readonly directory: string;
  readonly manifest: Omit<ModelManifest, 'graph' | 'fingerprint'>;
  /** The whole graph as ONNX bytes, or a head and the folder of the backbone it belongs on. */
  readonly graph: Uint8Array | { readonly backboneDirectory: string; readonly head: OnnxModel };
  /** Markdown of MODEL_CARD.md. */
  readonly card: string;
  readonly disk?: Disk;
}

/**
 * Saves a model and returns its fingerprint. Nothing is left half-written: the new folder is complete, synced and
 * loads before the old one goes. Throws `model_invalid` where manifest and graph disagree, before anything changes.
 */
export async function saveModel(options: SaveModelOptions): Promise<{ fingerprint: string }> {
  const { disk = realDisk } = options;
  const directory = resolve(options.directory);
  const parts = await assemble(directory, options);
  const identity = fingerprint({ graph: parts.graph, preprocess: options.manifest.preprocess });
  const manifest: ModelManifest = { ...options.manifest, graph: parts.source, fingerprint: identity };

  await disk.makeFolder(dirname(directory));
  const draft = await disk.makeDraft(`${directory}${DRAFT}`);
  try {
    const files = {
      [parts.file]: parts.bytes,
      'MODEL_CARD.md': options.card,
      'manifest.json': `${JSON.stringify(manifest, null, 2)}\n`,
    };
    for (const [name, content] of Object.entries(files)) {
      await writeSynced(disk, { path: join(draft, name), how: 'wx', content: [content] });
    }
    await disk.syncFolder(draft);
    await loadModel({ directory: draft });
    await moveInto(disk, draft, directory);
  } finally {
    await disk.remove(draft);
  }
  return { fingerprint: identity };
}

/**
 * Throws `invalid_argument` where the folder `out` holds a model and `replace` is not set, or files that are no model's, which
 * saveModel would replace as well.
 */
export async function refuseTaken(options: { directory: string; replace?: boolean }): Promise<void> {
  const { directory, replace } = options;
  if (!existsSync(directory)) return;
  const isModel = existsSync(join(directory, 'manifest.json'));
  if (isModel && !replace) {
    throw invalid('out', 'a folder that holds no model, or the option replace', directory);
  }
  if (!isModel && (await readdir(directory)).length > 0) {
    throw invalid('out', 'a folder of its own, new or empty', directory);
  }
}

interface Parts {
  /** The whole graph, which the fingerprint covers. */
  readonly graph: Uint8Array;
  readonly source: ModelManifest['graph'];
  /** What is written beside the manifest. */
  readonly file: string;
  readonly bytes: Uint8Array;
}

async function assemble(directory: string, { graph }: SaveModelOptions): Promise<Parts> {
  if (graph instanceof Uint8Array) {
    return { graph, source: { file: 'model.onnx' }, file: 'model.onnx', bytes: graph };
  }
  const backbone = await loadModel({ directory: graph.backboneDirectory });
  return {
    graph: composeGraph({ backbone: decodeModel(backbone.graph), head: graph.head }).bytes,
    source: {
      backbone: relative(directory, backbone.directory).split(sep).join('/'),
      backboneFingerprint: backbone.fingerprint,
      head: 'head.onnx',
    },
    file: 'head.onnx',
    bytes: encodeModel(graph.head),
  };
}

/**
 * A folder cannot be renamed over a full one, so the old one steps aside first, and back if that fails. Cut off between the two
 * it stays there, and whoever loads the model is told.
 */
async function moveInto(disk: Disk, draft: string, directory: string): Promise<void> {
  const aside = `${draft}${ASIDE}`;
  const replaced = existsSync(directory);
  if (replaced) await disk.rename(directory, aside);
  try {
    await disk.rename(draft, directory);
  } catch (error) {
    if (replaced) await disk.rename(aside, directory);
    throw error;
  }
  await disk.syncFolder(dirname(directory));
  if (replaced) await disk.remove(aside);
}
