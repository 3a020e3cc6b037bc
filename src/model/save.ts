// Writes a model folder: everything in a folder beside it, read back and checked, then renamed into place.

import { chmod, mkdir, mkdtemp, open, rename, rm } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { decodeModel, encodeModel } from '../onnx/codec.ts';
import type { OnnxModel } from '../onnx/model.ts';
import { composeGraph } from './compose.ts';
import { fingerprint } from './fingerprint.ts';
import { loadModel } from './load.ts';
import type { ModelManifest } from './manifest.ts';

export interface SaveModelOptions {
  /** The model's folder. One that is there already is replaced. */
  readonly directory: string;
  readonly manifest: Omit<ModelManifest, 'graph' | 'fingerprint'>;
  /** The whole graph as ONNX bytes, or a head and the folder of the backbone it belongs on. */
  readonly graph: Uint8Array | { readonly backboneDirectory: string; readonly head: OnnxModel };
  /** Markdown of MODEL_CARD.md. */
  readonly card: string;
}

/**
 * Saves a model and returns its fingerprint. Nothing is left half-written: the new folder is complete, synced and
 * loads before the old one goes. Throws `model_invalid` where manifest and graph disagree, before anything changes.
 */
export async function saveModel(options: SaveModelOptions): Promise<{ fingerprint: string }> {
  const directory = resolve(options.directory);
  const parts = await assemble(directory, options);
  const identity = fingerprint({ graph: parts.graph, preprocess: options.manifest.preprocess });
  const manifest: ModelManifest = { ...options.manifest, graph: parts.source, fingerprint: identity };

  await mkdir(dirname(directory), { recursive: true });
  const draft = await mkdtemp(`${directory}.draft-`);
  try {
    await writeDurably(join(draft, parts.file), parts.bytes);
    await writeDurably(join(draft, 'MODEL_CARD.md'), options.card);
    await writeDurably(join(draft, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    await chmod(draft, 0o755); // mkdtemp's folders are the owner's alone
    await syncFolder(draft);
    await loadModel({ directory: draft });
    await moveInto(draft, directory);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return { fingerprint: identity };
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

async function writeDurably(path: string, content: Uint8Array | string): Promise<void> {
  const file = await open(path, 'wx', 0o644);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes renames and new files in a folder survive a power cut. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** A folder cannot be renamed over a full one, so the old one steps aside first, and back if that fails. */
async function moveInto(draft: string, directory: string): Promise<void> {
  const aside = `${draft}.old`;
  const replaced = await rename(directory, aside).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
  try {
    await rename(draft, directory);
  } catch (error) {
    if (replaced) await rename(aside, directory);
    throw error;
  }
  await syncFolder(dirname(directory));
  if (replaced) await rm(aside, { recursive: true });
}
