// The index of one collection through its life: filled from the store, its graph read from a file or built again, kept
// up with changes, compacted and saved, all in the background and in small steps. Queries never wait for any of it:
// what the graph lacks is scanned exactly. Changes are made by the caller, in the turn of their commit.

import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from '../errors/log.ts';
import type { HnswIndex, HnswOptions } from '../index/hnsw.ts';
import { loadIndex, removeIndex, saveIndex } from '../index/index-file.ts';
import type { CollectionRow, Store } from '../store/store.ts';
import { IndexedItems } from './indexed-items.ts';

/** Slots taken into the graph per turn of the event loop: some milliseconds. */
const STEP = 16;
/** Steps that closing may still take: below a second. The next start goes on where they ended. */
const LAST_STEPS = 100;
const PAGE = 1000;
/** Saving costs as much as the collection is large, so it waits for a share of it to change, and for this many. */
const SAVE_SHARE = 0.2;
const SAVE_CHANGES = 1000;

export interface IndexOptions {
  readonly store: Store;
  readonly collection: CollectionRow;
  /** The folder of the index files; it exists. */
  readonly directory: string;
  readonly hnsw?: HnswOptions;
  readonly logger: Logger;
  /** Milliseconds, from any origin. */
  readonly clock: () => number;
}

export class MaintainedIndex {
  readonly items: IndexedItems;
  readonly #options: IndexOptions;
  readonly #path: string;
  /** Changes that the file does not have; infinite where there is no file. */
  #unsaved = Number.POSITIVE_INFINITY;
  #rebuild: { reason: string; since: number } | undefined;
  #work: Promise<void> | undefined;
  #stopping = false;
  #broken = false;

  private constructor(options: IndexOptions) {
    this.#options = options;
    this.#path = join(options.directory, `${options.collection.id}.hnsw`);
    this.items = new IndexedItems({ dimension: options.collection.dimension, ...options.hnsw });
  }

  get index(): HnswIndex {
    return this.items.index;
  }

  /** Reads the items, and the graph where its file is good. Ready for exact answers when it returns. */
  static async open(options: IndexOptions): Promise<MaintainedIndex> {
    const maintained = new MaintainedIndex(options);
    await maintained.#readItems();
    await maintained.#readGraph();
    maintained.#start();
    return maintained;
  }

  /** To be called after every commit with the number of slots added and removed. */
  changed(count: number): void {
    this.#unsaved += count;
    this.#start();
  }

  /** Resolves when the graph has caught up and is saved as far as it is due. */
  async settled(): Promise<void> {
    while (this.#work) await this.#work;
  }

  /** Stops the work in the background, finishes what is nearly done, and saves what the graph has. */
  async close(): Promise<void> {
    this.#stopping = true;
    await this.settled();
    if (this.#broken) return;
    for (let step = 0; step < LAST_STEPS && this.index.advance(STEP); step++) await nextTurn();
    if (this.#unsaved > 0) await this.#save();
  }

  /** Stops the work and removes the files. */
  async drop(): Promise<void> {
    this.#stopping = true;
    await this.settled();
    await removeIndex(this.#path);
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
    const { store, collection, logger, clock } = this.#options;
    const { shape, flat } = this.index;
    const identity = { collection: collection.id, fingerprint: collection.fingerprint };
    try {
      const nextSlot = store.items.nextSlot(collection.id);
      const graph = await loadIndex({ path: this.#path, shape, identity, flat, nextSlot });
      this.index.adopt(graph);
      this.#unsaved = 0;
      for (let slot = flat.next(graph.through); slot !== undefined; slot = flat.next(slot)) this.#unsaved++;
    } catch (error) {
      // At once: a file that was refused today must not look right to a later state of the store.
      await removeIndex(this.#path);
      if (flat.size === 0) return;
      const reason = (error as Error).message;
      this.#rebuild = { reason, since: clock() };
      logger.warn(
        { collection: collection.name, reason, rows: flat.size },
        'index file refused: building it again from the store; queries are exact meanwhile',
      );
    }
  }

  #start(): void {
    if (!this.#work && !this.#stopping && !this.#broken) this.#work = this.#maintain();
  }

  async #maintain(): Promise<void> {
    try {
      // Let the caller answer first.
      await nextTurn();
      while (!this.#stopping && (await this.#step())) await nextTurn();
    } catch (error) {
      // Not tried again before the next start: queries stay right, by exact scan.
      this.#broken = true;
      const { name } = this.#options.collection;
      this.#options.logger.error({ collection: name, err: error }, 'index maintenance stopped');
    } finally {
      // In the turn of the last look for work, so that no change falls between.
      this.#work = undefined;
    }
  }

  /** The most urgent piece of work; false where there is none. */
  async #step(): Promise<boolean> {
    const { index } = this;
    if (index.advance(STEP)) return true;
    if (2 * index.graph.tombstones > index.graph.nodes) {
      index.compact();
      return true;
    }
    if (this.#rebuild) this.#reportRebuild(this.#rebuild);
    // A collection that was just made: its first items are worth a file, nothing is not.
    if (this.#unsaved === Number.POSITIVE_INFINITY && index.graph.nodes === 0) return false;
    if (this.#unsaved < Math.max(SAVE_CHANGES, SAVE_SHARE * index.size)) return false;
    return this.#save();
  }

  #reportRebuild({ reason, since }: { reason: string; since: number }): void {
    const { collection, logger, clock } = this.#options;
    this.#rebuild = undefined;
    const ms = Math.round(clock() - since);
    const rows = this.index.size;
    logger.warn({ collection: collection.name, reason, rows, ms }, 'index built again from the store');
  }

  /** False where it failed. */
  async #save(): Promise<boolean> {
    const { collection, logger } = this.#options;
    const identity = { collection: collection.id, fingerprint: collection.fingerprint };
    const unsaved = this.#unsaved;
    this.#unsaved = 0;
    try {
      await saveIndex({ path: this.#path, graph: this.index.graph, identity });
      return true;
    } catch (error) {
      this.#unsaved += unsaved;
      logger.error(
        { collection: collection.name, err: error },
        'index file not saved; it can be built again',
      );
      return false;
    }
  }
}
