// Builds the graph of an index in this process, through a file as the server does: from nothing, or on top of the last one.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GraphBuilder } from '../../src/index/builder.ts';
import { readGraphFile } from '../../src/index/graph-file.ts';
import type { HnswIndex } from '../../src/index/hnsw.ts';
import { publishIndex, readManifest } from '../../src/index/index-file.ts';

export const identity = { collection: 3, fingerprint: 'sha256:aa' };

/** All of `index.flat` in a graph that is saved at `path`, and adopted. */
export async function build(options: { index: HnswIndex; path: string; extend?: boolean }): Promise<void> {
  const { index, path, extend } = options;
  const { shape, flat } = index;
  const manifest = extend ? await readManifest(path) : undefined;
  const base = manifest && {
    path,
    nodes: await readGraphFile({ path, shape, rows: manifest.rows }),
    through: manifest.highestSlot,
  };
  const builder = new GraphBuilder({ shape, base });
  for (let slot = flat.next(base?.through ?? -1); slot !== undefined; slot = flat.next(slot)) {
    builder.add(slot, flat.vector(slot));
  }
  if (builder.nodes === 0) return;
  const built = `${path}.tmp`;
  builder.write(built);
  const through = flat.highest;
  index.adopt(await publishIndex({ path, built, index, identity, rows: builder.nodes, through }));
}

/** The same, with a file of its own that goes at once. */
export async function buildOnce(index: HnswIndex): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'attractor-graph-'));
  try {
    await build({ index, path: join(folder, 'graph') });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
