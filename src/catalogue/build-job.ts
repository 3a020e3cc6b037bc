// Building one graph: reads vectors from the store, writes a file. Runs in a process of its own (build-child.ts): hnswlib may
// abort, and it keeps a core busy for a minute per 200,000 vectors.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { GraphBuilder } from '../index/builder.ts';
import type { GraphShape } from '../index/graph.ts';
import { readGraphFile } from '../index/graph-file.ts';
import { openReader } from '../store/reader.ts';

export interface BuildJob {
  /** The data folder. */
  readonly directory: string;
  readonly collection: number;
  readonly shape: GraphShape;
  /** The last slot to take in; those up to it are committed. */
  readonly through: number;
  /** A file to go on from, as its manifest has it; default: from nothing. */
  readonly base?: {
    readonly path: string;
    readonly rows: number;
    readonly sha256: string;
    readonly through: number;
  };
  /** Where to write; what stands there is overwritten. */
  readonly out: string;
}

const PAGE = 500;

/** Returns how many nodes the file has: at most as many as there are slots, for equal vectors share one. */
export async function runBuildJob(job: BuildJob): Promise<number> {
  const { directory, collection, shape, through, base, out } = job;
  const reader = openReader({ directory });
  try {
    const builder = new GraphBuilder({ shape, base: base && (await verified(base, shape)) });
    const { dimension } = shape;
    for (let after = base?.through ?? -1; after < through; ) {
      const page = reader.items.page({ collection, dimension, after, limit: PAGE, through });
      for (const { slot, vector } of page) builder.add(slot, vector);
      if (page.length < PAGE) break;
      after = page[PAGE - 1]!.slot;
      // So that the process hears when there is nobody left to build for.
      await nextTurn();
    }
    builder.write(out);
    return builder.nodes;
  } finally {
    reader.close();
  }
}

/** hnswlib believes every byte of a file, so it is read by our own reader first. */
async function verified(base: NonNullable<BuildJob['base']>, shape: GraphShape) {
  const { path, rows, sha256, through } = base;
  const nodes = await readGraphFile({ path, shape, rows });
  if (nodes.sha256 !== sha256) throw new Error('the file to go on from is not what it was');
  return { path, nodes, through };
}
