// The index of one collection through its life: filled from the store, its graph built, extended or removed where that is due
// (stored-graph.ts). Queries never wait for any of it: what the graph lacks is scanned exactly. Changes are made by the caller, in
// the turn of their commit.

import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { AttractorError, asAttractorError } from '../errors/error.ts';
import type { HnswIndex, HnswOptions } from '../index/hnsw.ts';
import { IndexedItems } from './indexed-items.ts';
import { type GraphOptions, StoredGraph } from './stored-graph.ts';

/** Of all vectors, how many may lie outside the graph: what a scan of them costs is little beside the walk. */
const TAIL_SHARE = 0.05;
/** Of the vectors from which on a graph is worth its price: below this a scan of them costs next to nothing. */
const TAIL_FROM = 0.25;
/** Milliseconds until what failed is tried again: twice as many each time. */
const FIRST_PAUSE = 10_000;
const LONGEST_PAUSE = 3_600_000;

export interface IndexOptions extends GraphOptions {
  readonly hnsw?: HnswOptions;
  /** Resolves after so many milliseconds, rejects where it is aborted. Default: a timer that keeps no process alive. */
  readonly pause?: (ms: number, options: { signal: AbortSignal }) => Promise<unknown>;
}

/** What is to be done to the graph. `extend`: what was added since goes into the graph that there is. */
type Work = 'build' | 'extend' | 'remove';

export class MaintainedIndex {
  readonly items: IndexedItems;
  readonly #options: IndexOptions;
  readonly #graph: StoredGraph;
  readonly #stop = new AbortController();
  #work: Promise<void> | undefined;
  #failures = 0;
  /** While it waits after a failure. */
  #pause: AbortController | undefined;
  #wanted = false;

  private constructor(options: IndexOptions) {
    const { collection } = options;
    this.#options = options;
    this.items = new IndexedItems({
      dimension: collection.dimension,
      hnsw: options.hnsw,
      items: options.store.items,
      collection: collection.id,
    });
    this.#graph = new StoredGraph(options, this.index);
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
    await maintained.items.read();
    await maintained.#graph.read();
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
    await this.#graph.remove();
  }

  /** Resolves when nothing is due any more. */
  async #settled(): Promise<void> {
    while (this.#work) await this.#work;
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
        await this.#graph.remove();
      } else {
        await this.#graph.build(work, this.#stop.signal);
        this.#wanted = false;
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
}
