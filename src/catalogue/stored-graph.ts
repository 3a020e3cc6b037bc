// The graph of one collection, between its file and its index: read when the collection is opened, built and extended in a process
// of its own, swapped in. When that is due is maintained-index.ts.

import { join } from 'node:path';
import { AttractorError } from '../errors/error.ts';
import type { Logger } from '../errors/log.ts';
import { graphBytes } from '../index/build.ts';
import type { HnswIndex } from '../index/hnsw.ts';
import {
  hasIndex,
  type IndexIdentity,
  loadIndex,
  publishIndex,
  readManifest,
  removeIndex,
} from '../index/index-file.ts';
import { MOST_WASM_BYTES } from '../math/wasm-memory.ts';
import type { CollectionRow, Store } from '../store/store.ts';
import type { BuildJob } from './build-job.ts';
import { buildInProcess } from './build-process.ts';

export interface GraphOptions {
  readonly store: Store;
  readonly collection: CollectionRow;
  /** The data folder, and in it the folder of the index files; both exist. */
  readonly data: string;
  readonly directory: string;
  readonly logger: Logger;
  /** Milliseconds, from any origin. */
  readonly clock: () => number;
  /** Bytes of memory that may still be taken. Default: no end of them. */
  readonly memory?: () => number;
  /** Returns how many nodes are in the file. Default: in a process of its own. */
  readonly build?: (job: BuildJob, options: { signal: AbortSignal }) => Promise<number>;
}

export class StoredGraph {
  readonly #options: GraphOptions;
  readonly #index: HnswIndex;
  readonly #path: string;
  readonly #identity: IndexIdentity;
  /** Why the file was not taken. */
  #refused: string | undefined;

  constructor(options: GraphOptions, index: HnswIndex) {
    const { collection, directory } = options;
    this.#options = options;
    this.#index = index;
    this.#path = join(directory, `${collection.id}.hnsw`);
    this.#identity = { collection: collection.id, fingerprint: collection.fingerprint };
  }

  /** Takes the file where it is good. */
  async read(): Promise<void> {
    const { store, collection, logger } = this.#options;
    const index = this.#index;
    // A collection that was too small so far, or a restored folder: nothing to complain of.
    if (!hasIndex(this.#path)) return removeIndex(this.#path);
    try {
      const nextSlot = store.items.nextSlot(collection.id);
      const identity = this.#identity;
      index.adopt(await loadIndex({ path: this.#path, index, identity, nextSlot }));
    } catch (error) {
      // At once: a file that was refused today must not look right to a later state of the store.
      await removeIndex(this.#path);
      if (index.size < index.from) return;
      this.#refused = (error as Error).message;
      logger.warn(
        { collection: collection.name, reason: this.#refused, rows: index.size },
        'index file refused: building it again from the store; queries are exact meanwhile',
      );
    }
  }

  /** `extend`: what was added since goes into the graph that there is. */
  async build(work: 'build' | 'extend', signal: AbortSignal): Promise<void> {
    const { data, collection, logger, clock, build = buildInProcess } = this.#options;
    const index = this.#index;
    const { shape, flat, graph } = index;
    const since = clock();
    const rows = flat.size;
    this.#refuseWithoutMemory(work === 'build' ? rows : graph.nodes + flat.countAfter(graph.through));
    const out = `${this.#path}.tmp`;
    const through = flat.highest;
    const base = work === 'extend' ? await this.#base() : undefined;
    const job: BuildJob = { directory: data, collection: collection.id, shape, through, base, out };
    const nodes = await build(job, { signal });
    const path = this.#path;
    const identity = this.#identity;
    index.adopt(await publishIndex({ path, built: out, index, identity, rows: nodes, through }));
    const facts = { collection: collection.name, rows, ms: Math.round(clock() - since) };
    if (this.#refused) logger.warn({ ...facts, reason: this.#refused }, 'index built again from the store');
    else logger.info(facts, work === 'build' ? 'graph built' : 'graph extended');
    this.#refused = undefined;
  }

  /** The files; what is in memory stays. */
  remove(): Promise<void> {
    return removeIndex(this.#path);
  }

  async #base(): Promise<BuildJob['base']> {
    const { rows, sha256, highestSlot } = await readManifest(this.#path);
    return { path: this.#path, rows, sha256, through: highestSlot };
  }

  #refuseWithoutMemory(rows: number): void {
    const available = this.#options.memory?.() ?? Number.POSITIVE_INFINITY;
    const { copies, served, building } = graphBytes({ shape: this.#index.shape, rows });
    const MiB = (bytes: number) => Math.ceil(bytes / 2 ** 20);
    const refuse = (takes: string) => {
      throw new AttractorError('index_too_large', `a graph of ${rows} vectors takes ${takes}`);
    };
    if (copies > MOST_WASM_BYTES)
      refuse(`${MiB(copies)} MiB with the copies of its vectors; 4095 can be had`);
    if (served + building > available) {
      refuse(
        `${MiB(served)} MiB, and ${MiB(building)} MiB while it is built; ${MiB(available)} MiB are free`,
      );
    }
  }
}
