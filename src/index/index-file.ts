// Graph files: saved so that a torn, full-disk or foreign file can never be taken for a good one, and read only when
// manifest, checksum and vectors all match. A bad file is `index_invalid`, and the caller rebuilds from the store.
// Drawings of both files: docs/formats.md.

import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { z } from 'zod';
import { AttractorError } from '../errors/error.ts';
import { type Disk, disk as realDisk, writeSynced } from '../store/disk.ts';
import type { FlatIndex } from './flat.ts';
import type { BuiltGraph } from './graph.ts';
import { type GraphFile, readGraphFile } from './graph-file.ts';
import type { HnswIndex } from './hnsw.ts';
import { IncomingGraph } from './incoming-graph.ts';
import { vectorKey } from './vector-key.ts';

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

/** Vectors compared per turn of the event loop: about a millisecond. */
const CHECKED = 4096;

type Manifest = z.infer<typeof manifestSchema>;

const manifestPath = (path: string): string => `${path}.json`;
const bad = (reason: string, cause?: unknown): AttractorError =>
  new AttractorError('index_invalid', reason, { cause });

/**
 * Reads a graph that was just built, checks it as `loadIndex` does, and makes it the file at `path`: durable when it returns.
 * Throws `index_invalid` where the disk did not take it, or it is not what it should be; then the old file stays.
 */
export async function publishIndex(options: {
  path: string;
  /** Where it was built: in the folder of `path`. */
  built: string;
  /** Its flat index stays as it is but for what is added and removed meanwhile. */
  index: HnswIndex;
  identity: IndexIdentity;
  rows: number;
  through: number;
  disk?: Disk;
}): Promise<BuiltGraph> {
  const { path, built, index, identity, rows, through, disk = realDisk } = options;
  const manifestDraft = `${manifestPath(path)}.tmp`;
  try {
    const { graph, sha256, bytes } = await incoming({ path: built, index, rows, through });
    const manifest: Manifest = {
      magic: 'attractor-index',
      version: 1,
      ...identity,
      metric: 'ip',
      ...index.shape,
      rows,
      highestSlot: through,
      bytes,
      sha256,
    };
    const text = `${JSON.stringify(manifest, null, 2)}\n`;
    await writeSynced(disk, { path: manifestDraft, how: 'w', content: [text] });
    await writeSynced(disk, { path: built, how: 'a', content: [] });
    // Found with only one of them renamed, they do not match, and that is as good as none.
    await disk.rename(built, path);
    await disk.rename(manifestDraft, manifestPath(path));
    await disk.syncFolder(dirname(path));
    return graph;
  } catch (error) {
    index.flat.pin(index.graph.through);
    for (const file of [built, manifestDraft]) await disk.remove(file);
    throw bad(`the index file could not be saved: ${(error as Error).message}`, error);
  }
}

/** Throws `index_invalid` with the reason where the file is not all that its manifest and the store say. */
export async function loadIndex(options: {
  path: string;
  index: HnswIndex;
  identity: IndexIdentity;
  /** The store's counter: slots from here on were never given out. */
  nextSlot: number;
}): Promise<BuiltGraph> {
  const { path, index } = options;
  const manifest = await readManifest(path);
  const expected = { ...options.identity, ...index.shape };
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
  const { rows, highestSlot: through, sha256 } = manifest;
  return (await incoming({ path, index, rows, through, sha256 })).graph;
}

/** Reads and checks a graph for `index.adopt`. Where most rows are dead they go first, and the graph that walks through them. */
async function incoming(options: {
  path: string;
  index: HnswIndex;
  rows: number;
  through: number;
  sha256?: string;
}): Promise<GraphFile & { graph: BuiltGraph }> {
  const { path, index, rows, through, sha256 } = options;
  const { shape, flat } = index;
  if (flat.mostlyDead) index.adopt(undefined);
  try {
    const visitor = new IncomingGraph({ shape, flat, through });
    const file = await readGraphFile({ path, shape, rows, visitor });
    if (sha256 !== undefined && file.sha256 !== sha256) throw bad('the checksum does not match');
    await checkVectors(file, through, flat);
    return { ...file, graph: await visitor.finish(file) };
  } catch (error) {
    flat.pin(index.graph.through);
    throw error;
  }
}

/** Whether there is one to be loaded, right or wrong. */
export const hasIndex = (path: string): boolean => existsSync(manifestPath(path));

/** Removes the files, the manifest first, so that no moment shows a manifest of something else. */
export async function removeIndex(path: string): Promise<void> {
  for (const file of [manifestPath(path), path, `${path}.tmp`]) await realDisk.remove(file);
}

export async function readManifest(path: string): Promise<Manifest> {
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
async function checkVectors(content: GraphFile, through: number, flat: FlatIndex): Promise<void> {
  for (let i = 0; i < content.slots.length; i++) {
    if (i % CHECKED === 0) await nextTurn();
    const slot = content.slots[i]!;
    if (slot > through) throw bad(`slot ${slot} lies above the highest of the manifest`);
    if (flat.has(slot) && content.keys[i] !== vectorKey(flat.vector(slot))) {
      throw bad(`slot ${slot} holds another vector than the store`);
    }
  }
}
