// The index of one collection through its life: filled from the store, its graph read from a file, built and extended in a
// process of its own, and swapped in. Queries never wait for any of it: what the graph lacks is scanned exactly. Changes are
// made by the caller, in the turn of their commit.

import { join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { AttractorError, asAttractorError } from '../errors/error.ts';
import type { Logger } from '../errors/log.ts';
import { graphBytes } from '../index/build.ts';
import type { HnswIndex, HnswOptions } from '../index/hnsw.ts';
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
import { IndexedItems } from './indexed-items.ts';

const PAGE = 1000;
/** Of all vectors, how many may lie outside the graph: what a scan of them costs is little beside the walk. */
const TAIL_SHARE = 0.05;
/** Of the vectors from which on a graph is worth its price: below this a scan of them costs next to nothing. */
const TAIL_FROM = 0.25;
/** Milliseconds until what failed is tried again: twice as many each time. */
const FIRST_PAUSE = 10_000;
const LONGEST_PAUSE = 3_600_000;

export interface IndexOptions {
  readonly store: Store;
  readonly collection: CollectionRow;
  /** The data folder, and in it the folder of the index files; both exist. */
  readonly data: string;
  readonly directory: string;
  readonly hnsw?: HnswOptions;
  readonly logger: Logger;
  /** Milliseconds, from any origin. */
  readonly clock: () => number;
  /** Bytes of memory that may still be taken. Default: no end of them. */
  readonly memory?: () => number;
  /** Returns how many nodes are in the file. Default: in a process of its own. */
  readonly build?: (job: BuildJob, options: { signal: AbortSignal }) => Promise<number>;
  /** Resolves after so many milliseconds, rejects where it is aborted. Default: a timer that keeps no process alive. */
  readonly pause?: (ms: number, options: { signal: AbortSignal }) => Promise<unknown>;
}

/** What is to be done to the graph. `extend`: what was added since goes into the graph that there is. */
type Work = 'build' | 'extend' | 'remove';

export class MaintainedIndex {
  readonly items: IndexedItems;
  readonly #options: IndexOptions;
  readonly #path: string;
  readonly #identity: IndexIdentity;
  readonly #stop = new AbortController();
  #refused: string | undefined;
  #work: Promise<void> | undefined;
  #failures = 0;
  /** While it waits after a failure. */
  #pause: AbortController | undefined;
  #wanted = false;

  private constructor(options: IndexOptions) {
    const { collection } = options;
    this.#options = options;
    this.#path = join(options.directory, `${collection.id}.hnsw`);
    this.#identity = { collection: collection.id, fingerprint: collection.fingerprint };
    this.items = new IndexedItems({
      dimension: collection.dimension,
      hnsw: options.hnsw,
      items: options.store.items,
      collection: collection.id,
    });
  }

  get index(): HnswIndex {
    return this.items.index;
  }

  /** Something is being built, or will be in the next turn. */
  get busy(): boolean {
    return this.#work !== undefined;
  }

  /** Builds that failed in a row; each is tried again by itself, after a pause. */
  get failures(): number {
    return this.#failures;
  }

  /** Reads the items, and the graph where its file is good. Ready for exact answers when it returns. */
  static async open(options: IndexOptions): Promise<MaintainedIndex> {
    const maintained = new MaintainedIndex(options);
    await maintained.#readItems();
    await maintained.#readGraph();
    maintained.changed();
    return maintained;
  }

  /** To be called after every commit that added or removed slots. */
  changed(): void {
    if (this.#work || this.#pause || this.#stop.signal.aborted) return;
    if (this.#due()) this.#work = this.#maintain();
  }

  /** Builds the graph anew, without what was deleted. Throws why that failed. */
  async compact(): Promise<void> {
    await this.#settled();
    this.#failures = 0;
    this.#pause?.abort();
    this.#pause = undefined;
    this.#wanted = this.index.size >= this.index.from;
    this.changed();
    await this.#settled();
    if (this.#wanted) {
      this.#wanted = false;
      throw new AttractorError('index_invalid', 'The graph could not be built; the log has the reason.');
    }
  }

  /** Stops the work in the background. The file on disk is a whole graph, if an old one. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#settled();
  }

  /** Stops the work and removes the files. */
  async drop(): Promise<void> {
    await this.close();
    await removeIndex(this.#path);
  }

  /** Resolves when nothing is due any more. */
  async #settled(): Promise<void> {
    while (this.#work) await this.#work;
  }

  async #readItems(): Promise<void> {
    const { store, collection } = this.#options;
    const { id, dimension } = collection;
    for (let after = -1; ; ) {
      const page = store.items.page({ collection: id, dimension, after, limit: PAGE });
      for (const item of page) this.items.add(item);
      if (page.length < PAGE) return;
      after = page[PAGE - 1]!.slot;
      await nextTurn();
    }
  }

  async #readGraph(): Promise<void> {
    const { store, collection, logger } = this.#options;
    const { index } = this;
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

  #due(): Work | undefined {
    const { index } = this;
    const { graph, size, from, flat } = index;
    const mostlyDead = 2 * graph.tombstones > graph.nodes;
    if (size < from) return mostlyDead ? 'remove' : undefined;
    if (this.#wanted || graph.nodes === 0 || mostlyDead) return 'build';
    const tail = flat.countAfter(graph.through);
    return tail > Math.max(TAIL_FROM * from, TAIL_SHARE * size) ? 'extend' : undefined;
  }

  async #maintain(): Promise<void> {
    try {
      // Let the caller answer first.
      await nextTurn();
      for (let due = this.#due(); due && !this.#stop.signal.aborted; due = this.#due()) {
        if (!(await this.#do(due))) break;
      }
    } finally {
      // In the turn of the last look for work, so that no change falls between.
      this.#work = undefined;
    }
  }

  /** False where it failed, and is to be tried again after a pause. Queries stay right, by exact scan. */
  async #do(work: Work): Promise<boolean> {
    try {
      if (work === 'remove') {
        this.index.adopt(undefined);
        await removeIndex(this.#path);
      } else {
        await this.#build(work);
      }
      this.#failures = 0;
      return true;
    } catch (error) {
      if (this.#stop.signal.aborted) return false;
      this.#failures++;
      const { name } = this.#options.collection;
      const { message, cause } = asAttractorError(error);
      // What could not be gone on from is built anew, at once.
      this.#wanted ||= work === 'extend';
      const again = work === 'extend' ? 0 : this.#tryAgain();
      const fields = { collection: name, work, reason: message, err: cause, againInMs: again };
      this.#options.logger.error(fields, 'a graph was not built');
      return again === 0;
    }
  }

  /** Lets nothing be done for a while that it returns, longer each time. */
  #tryAgain(): number {
    const { pause = (ms, { signal }) => sleep(ms, undefined, { signal, ref: false }) } = this.#options;
    const ms = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (this.#failures - 1));
    const stop = new AbortController();
    this.#pause = stop;
    pause(ms, { signal: AbortSignal.any([stop.signal, this.#stop.signal]) }).then(
      () => {
        if (this.#pause !== stop) return;
        this.#pause = undefined;
        this.changed();
      },
      () => {},
    );
    return ms;
  }

  async #build(work: 'build' | 'extend'): Promise<void> {
    const { data, collection, logger, clock, build = buildInProcess } = this.#options;
    const { index } = this;
    const { shape, flat, graph } = index;
    const since = clock();
    const rows = flat.size;
    this.#refuseWithoutMemory(work === 'build' ? rows : graph.nodes + flat.countAfter(graph.through));
    const out = `${this.#path}.tmp`;
    const through = flat.highest;
    const job: BuildJob = { directory: data, collection: collection.id, shape, through, out };
    const { signal } = this.#stop;
    const base = work === 'extend' ? await this.#base() : undefined;
    const nodes = await build({ ...job, base }, { signal });
    const path = this.#path;
    const identity = this.#identity;
    index.adopt(await publishIndex({ path, built: out, index, identity, rows: nodes, through }));
    this.#wanted = false;
    const facts = { collection: collection.name, rows, ms: Math.round(clock() - since) };
    if (this.#refused) logger.warn({ ...facts, reason: this.#refused }, 'index built again from the store');
    else logger.info(facts, work === 'build' ? 'graph built' : 'graph extended');
    this.#refused = undefined;
  }

  async #base(): Promise<BuildJob['base']> {
    const { rows, sha256, highestSlot } = await readManifest(this.#path);
    return { path: this.#path, rows, sha256, through: highestSlot };
  }

  #refuseWithoutMemory(rows: number): void {
    const available = this.#options.memory?.() ?? Number.POSITIVE_INFINITY;
    const { copies, served, building } = graphBytes({ shape: this.index.shape, rows });
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
