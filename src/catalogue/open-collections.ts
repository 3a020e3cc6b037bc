// The collections of a data folder that are open, by their own names: each with its index, the audit of that and its model's
// embedder. Which there are is for the store to say.

import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { AttractorError } from '../errors/error.ts';
import type { Logger } from '../errors/log.ts';
import type { HnswOptions } from '../index/hnsw.ts';
import type { CollectionRow, Store } from '../store/store.ts';
import { collectionOf } from './collection.ts';
import type { Embedders } from './embedders.ts';
import { type IndexOptions, MaintainedIndex } from './maintained-index.ts';
import type { CatalogueObserver } from './observer.ts';
import { RecallAudit } from './recall-audit.ts';
import type { Collection, CollectionInfo } from './types.ts';

export interface OpenOptions {
  /** The data folder; made where it does not exist. */
  readonly directory: string;
  readonly logger: Logger;
  /** Milliseconds, from any origin. Default: the process's own. */
  readonly clock?: () => number;
  readonly hnsw?: HnswOptions;
  /** Bytes of memory that may still be taken: a graph that does not fit is not built. Default: no end of them. */
  readonly memory?: () => number;
  /** Who builds graphs; default: a process of its own for each. */
  readonly build?: IndexOptions['build'];
  /** Waits before what failed is built again; default: timers that keep no process alive. */
  readonly pause?: IndexOptions['pause'];
  /** One of so many queries that the graph answers is answered again exactly, in the background. Default 100; 0: none. */
  readonly auditEvery?: number;
  /** Is told of the work on every collection. */
  readonly observer?: CatalogueObserver;
}

interface Opened {
  readonly collection: Collection;
  readonly maintained: MaintainedIndex;
  readonly row: CollectionRow;
}

export class OpenCollections {
  readonly #options: OpenOptions;
  readonly #store: Store;
  readonly #embedders: Embedders;
  readonly #indexes: string;
  readonly #opened = new Map<string, Opened>();
  /** Index files of dropped collections on their way out. */
  readonly #dropping = new Set<Promise<void>>();
  #closed = false;

  private constructor(options: OpenOptions, store: Store, embedders: Embedders) {
    this.#options = options;
    this.#store = store;
    this.#embedders = embedders;
    this.#indexes = join(options.directory, 'indexes');
  }

  /** All that the store has. */
  static async openAll(options: OpenOptions, store: Store, embedders: Embedders): Promise<OpenCollections> {
    const open = new OpenCollections(options, store, embedders);
    const indexes = open.#indexes;
    mkdirSync(indexes, { recursive: true });
    const rows = store.collections();
    // Left behind where the process died in the middle of a drop.
    const ids = new Set(rows.map((row) => String(row.id)));
    for (const file of readdirSync(indexes)) {
      if (!ids.has(file.split('.')[0]!)) rmSync(join(indexes, file));
    }
    for (const row of rows) await open.open(row);
    return open;
  }

  list(): CollectionInfo[] {
    return [...this.#opened.values()]
      .map(({ collection }) => collection.info)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Throws `collection_not_found`, or `not_ready` once it is closed. */
  get(name: string): Opened {
    this.assertOpen();
    const opened = this.#opened.get(name);
    if (!opened) throw notFound(name);
    return opened;
  }

  async open(row: CollectionRow): Promise<Collection> {
    const { directory: data, hnsw, memory, build, pause, logger, observer } = this.#options;
    const { clock = () => performance.now(), auditEvery = 100 } = this.#options;
    const store = this.#store;
    const source = { store, collection: row, data, directory: this.#indexes };
    const maintained = await MaintainedIndex.open({ ...source, hnsw, logger, clock, memory, build, pause });
    const audit = new RecallAudit({ index: maintained.index, every: auditEvery, logger, clock });
    const collection = collectionOf({
      row,
      store,
      maintained,
      audit,
      embedder: () => this.#embedders.get(row.model),
      clock,
      observer,
      assertOpen: () => {
        if (this.get(row.name).row.id !== row.id) throw notFound(row.name);
      },
    });
    this.#opened.set(row.name, { collection, maintained, row });
    return collection;
  }

  /** Its files go in the background. */
  drop(name: string): void {
    const { maintained } = this.get(name);
    this.#opened.delete(name);
    const dropped = maintained
      .drop()
      .catch((err) => this.#options.logger.error({ collection: name, err }, 'index files not removed'))
      .finally(() => this.#dropping.delete(dropped));
    this.#dropping.add(dropped);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { maintained } of this.#opened.values()) await maintained.close();
    await Promise.all(this.#dropping);
  }

  assertOpen(): void {
    if (this.#closed) throw new AttractorError('not_ready', 'The catalogue is closed.');
  }
}

function notFound(name: string): AttractorError {
  return new AttractorError('collection_not_found', `There is no collection "${name}".`, {
    field: 'collection',
    received: name,
  });
}
