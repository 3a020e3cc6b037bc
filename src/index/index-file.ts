// Graph files: saved so that a torn, full-disk or foreign file can never be taken for a good one, and read only when
// manifest, checksum and vectors all match. A bad file is `index_invalid`, and the caller rebuilds from the store.
// Drawings of both files: docs/formats.md.

import { type FileHandle, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { AttractorError } from '../errors/error.ts';
import type { FlatIndex } from './flat.ts';
import { Graph, type GraphShape, vectorKey } from './graph.ts';
import { type GraphContent, walkGraphFile } from './graph-file.ts';

/** What an index file must belong to. */
export interface IndexIdentity {
  readonly collection: number;
  readonly fingerprint: string;
}

const manifestSchema = z.strictObject({
  magic: z.literal('attractor-index'),
  version: z.literal(1),
  collection: z.int(),
  fingerprint: z.string(),
  metric: z.literal('ip'),
  dimension: z.int(),
  m: z.int(),
  efConstruction: z.int(),
  /** Nodes in the graph, marked ones included. */
  rows: z.int().min(1),
  /** Every live slot up to here is in the graph. */
  highestSlot: z.int(),
  bytes: z.int(),
  sha256: z.string(),
});

type Manifest = z.infer<typeof manifestSchema>;

const manifestPath = (path: string): string => `${path}.json`;
const bad = (reason: string, cause?: unknown): AttractorError =>
  new AttractorError('index_invalid', reason, { cause });

/** Durable when it returns. An empty graph has no file. Throws `index_invalid` where the disk did not take it. */
export async function saveIndex(options: {
  path: string;
  graph: Graph;
  identity: IndexIdentity;
}): Promise<void> {
  const { path, graph, identity } = options;
  const { nodes: rows, through: highestSlot, shape } = graph;
  if (rows === 0) return removeIndex(path);
  const temporary = `${path}.tmp`;
  try {
    // One synchronous call: no add can come between. From here on the graph may change again.
    graph.write(temporary);
    const { sha256, bytes } = await walkGraphFile({ path: temporary, shape, rows });
    await publish(temporary, path);
    const manifest: Manifest = {
      magic: 'attractor-index',
      version: 1,
      ...identity,
      metric: 'ip',
      ...shape,
      rows,
      highestSlot,
      bytes,
      sha256,
    };
    const handle = await open(`${manifestPath(path)}.tmp`, 'w');
    await handle.writeFile(`${JSON.stringify(manifest, null, 2)}\n`).finally(() => handle.close());
    await publish(`${manifestPath(path)}.tmp`, manifestPath(path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw bad(`the index file could not be saved: ${(error as Error).message}`, error);
  }
}

/** Throws `index_invalid` with the reason, before hnswlib has seen a byte of a file that does not match. */
export async function loadIndex(options: {
  path: string;
  shape: GraphShape;
  identity: IndexIdentity;
  flat: FlatIndex;
  /** The store's counter: slots from here on were never given out. */
  nextSlot: number;
}): Promise<Graph> {
  const { path, shape, flat } = options;
  const manifest = await readManifest(path);
  const expected = { ...options.identity, ...shape };
  for (const [field, value] of Object.entries(expected)) {
    const found = manifest[field as keyof typeof expected];
    if (found !== value) throw bad(`${field}: expected ${value}, the manifest says ${found}`);
  }
  if (manifest.highestSlot >= options.nextSlot) {
    throw bad(`the file knows slot ${manifest.highestSlot}, the store has given out ${options.nextSlot}`);
  }
  const { size } = await stat(path).catch((error) => {
    throw bad('the index file is missing', error);
  });
  if (size !== manifest.bytes) throw bad(`expected ${manifest.bytes} bytes, found ${size}`);
  const content = await walkGraphFile({ path, shape, rows: manifest.rows });
  if (content.sha256 !== manifest.sha256) throw bad('the checksum does not match');
  checkVectors(content, manifest, flat);
  return Graph.read({ file: path, shape, nodes: content, through: manifest.highestSlot, flat });
}

/** Removes the files, the manifest first, so that no moment shows a manifest of something else. */
export async function removeIndex(path: string): Promise<void> {
  for (const file of [manifestPath(path), path, `${path}.tmp`]) await rm(file, { force: true });
}

async function readManifest(path: string): Promise<Manifest> {
  let text: string;
  try {
    text = await readFile(manifestPath(path), 'utf8');
  } catch (error) {
    throw bad('there is no index manifest', error);
  }
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (error) {
    throw bad('the index manifest is malformed', error);
  }
}

/** A store restored from an older copy gives out slots again that the file has used for other vectors. */
function checkVectors(content: GraphContent, manifest: Manifest, flat: FlatIndex): void {
  for (let i = 0; i < content.slots.length; i++) {
    const slot = content.slots[i]!;
    if (slot > manifest.highestSlot) throw bad(`slot ${slot} lies above the highest of the manifest`);
    if (flat.has(slot) && content.keys[i] !== vectorKey(flat.vector(slot))) {
      throw bad(`slot ${slot} holds another vector than the store`);
    }
  }
}

async function publish(temporary: string, path: string): Promise<void> {
  await sync(await open(temporary, 'r+'));
  await rename(temporary, path);
  await sync(await open(dirname(path), 'r'));
}

async function sync(handle: FileHandle): Promise<void> {
  await handle.sync().finally(() => handle.close());
}
