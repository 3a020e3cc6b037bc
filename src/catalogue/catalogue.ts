// All collections of one data folder: opens the store, gives each collection its index and its model's embedder.

import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Embedder } from '../embed/embedder.ts';
import { AttractorError, invalid, refuseUnknown } from '../errors/error.ts';
import type { Logger } from '../errors/log.ts';
import type { HnswOptions } from '../index/hnsw.ts';
import type { ReplyTable } from '../store/replies.ts';
import { type CollectionRow, openStore, type Store } from '../store/store.ts';
import type { TaskTable } from '../store/tasks.ts';
import { Aliases } from './aliases.ts';
import { collectionOf, infoOf } from './collection.ts';
import { NO_MODEL } from './context.ts';
import { type IndexOptions, MaintainedIndex } from './maintained-index.ts';
import type { CatalogueObserver } from './observer.ts';
import { integer } from './question.ts';
import { RecallAudit } from './recall-audit.ts';
import type { AliasAction, AliasInfo, Catalogue, Collection, CollectionInfo, Writing } from './types.ts';
import { checkCollectionName, LIMITS } from './validate.ts';

export interface CatalogueOptions {
  /** The data folder; made where it does not exist. */
  readonly directory: string;
  /** What a model is, without starting it. Throws `model_not_found`. */
  readonly models: (name: string) => Promise<{ name: string; fingerprint: string; dimension: number }>;
  /** Called once per model, when its first image comes. The catalogue closes what it gets. */
  readonly embedderFor: (model: string) => Promise<Embedder>;
  readonly defaultModel: string;
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

/**
 * Opens a data folder. Answers are right as soon as it returns; graphs that have to be built again are built in the
 * background. Throws `store_locked`, `store_newer` or `store_corrupt`.
 */
export async function openCatalogue(options: CatalogueOptions): Promise<Catalogue> {
  const { directory } = options;
  refuseUnknown(
    options,
    [
      'directory',
      'models',
      'embedderFor',
      'defaultModel',
      'logger',
      'clock',
      'hnsw',
      'auditEvery',
      'memory',
      'build',
      'pause',
      'observer',
    ],
    'catalogue',
  );
  const store = openStore({ directory, logger: options.logger });
  try {
    const catalogue = new StoredCatalogue(options, store, join(directory, 'indexes'));
    await catalogue.openAll();
    return catalogue;
  } catch (error) {
    store.close();
    throw error;
  }
}

interface Opened {
  readonly collection: Collection;
  readonly maintained: MaintainedIndex;
  readonly row: CollectionRow;
}

class StoredCatalogue implements Catalogue {
  readonly #options: CatalogueOptions;
  readonly #store: Store;
  readonly #aliases: Aliases;
  readonly #indexes: string;
  readonly #opened = new Map<string, Opened>();
  readonly #embedders = new Map<string, Promise<Embedder>>();
  /** Index files of dropped collections on their way out. */
  readonly #dropping = new Set<Promise<void>>();
  #closing: Promise<void> | undefined;

  constructor(options: CatalogueOptions, store: Store, indexes: string) {
    this.#options = options;
    this.#store = store;
    this.#aliases = new Aliases(store);
    this.#indexes = indexes;
  }

  async openAll(): Promise<void> {
    mkdirSync(this.#indexes, { recursive: true });
    const rows = this.#store.collections();
    // Left behind where the process died in the middle of a drop.
    const ids = new Set(rows.map((row) => String(row.id)));
    for (const file of readdirSync(this.#indexes)) {
      if (!ids.has(file.split('.')[0]!)) rmSync(join(this.#indexes, file));
    }
    for (const row of rows) await this.#open(row);
  }

  list(): CollectionInfo[] {
    return [...this.#opened.values()]
      .map(({ collection }) => collection.info)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  collection(name: string): Collection {
    this.#assertOpen();
    return this.#get(this.#aliases.resolve(name)).collection;
  }

  async createCollection(
    options: { name: string; model?: string; dimension?: number } & Writing<CollectionInfo>,
  ): Promise<Collection> {
    refuseUnknown(options, ['name', 'model', 'dimension', 'onWritten'], 'collection');
    const { name } = options;
    checkCollectionName(name, 'name');
    const made = await this.#madeBy(options);
    this.#assertOpen();
    const alias = this.#aliases.has(name);
    if (alias || this.#store.collections().some((row) => row.name === name)) {
      const message = `There is ${alias ? 'an alias' : 'a collection'} "${name}" already.`;
      throw new AttractorError('collection_exists', message, { field: 'name' });
    }
    const row = this.#store.transaction(() => {
      const row = this.#store.createCollection({ name, ...made, metric: 'cosine' });
      options.onWritten?.(infoOf(row, { count: 0, indexed: 0, status: 'green' }));
      return row;
    });
    return this.#open(row);
  }

  async #madeBy({ model, dimension }: { model?: string; dimension?: number }) {
    if (dimension === undefined) {
      const name = model ?? this.#options.defaultModel;
      const made = await this.#options.models(name);
      return { model: name, fingerprint: made.fingerprint, dimension: made.dimension };
    }
    if (model !== undefined) throw invalid('model', 'either a model or a dimension', 'both');
    integer(dimension, 'dimension', 1, LIMITS.dimension);
    return { ...NO_MODEL, dimension };
  }

  dropCollection(name: string, { onWritten }: Writing<void> = {}): void {
    if (this.#aliases.has(name)) {
      const message = `"${name}" is an alias of "${this.#aliases.resolve(name)}": expected the name of a collection. An alias is deleted by itself.`;
      throw new AttractorError('collection_not_found', message, { field: 'collection', received: name });
    }
    const { row, maintained } = this.#get(name);
    this.#store.transaction(() => {
      this.#store.dropCollection(row.id);
      onWritten?.();
    });
    this.#opened.delete(name);
    this.#aliases.reload();
    const dropped = maintained
      .drop()
      .catch((err) => this.#options.logger.error({ collection: name, err }, 'index files not removed'))
      .finally(() => this.#dropping.delete(dropped));
    this.#dropping.add(dropped);
  }

  aliases(): AliasInfo[] {
    this.#assertOpen();
    return this.#aliases.list();
  }

  changeAliases(options: { actions: readonly AliasAction[] } & Writing<void>): void {
    this.#assertOpen();
    this.#aliases.change(options);
  }

  async embedder(model: string): Promise<Embedder> {
    this.#assertOpen();
    return this.#embedder(model);
  }

  get tasks(): TaskTable {
    this.#assertOpen();
    return this.#store.tasks;
  }

  get replies(): ReplyTable {
    this.#assertOpen();
    return this.#store.replies;
  }

  getMeta(key: string): string | undefined {
    this.#assertOpen();
    return this.#store.getMeta(key);
  }

  setMeta(key: string, value: string): void {
    this.#assertOpen();
    this.#store.setMeta(key, value);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const { maintained } of this.#opened.values()) await maintained.close();
    await Promise.all(this.#dropping);
    this.#store.close();
    for (const embedder of this.#embedders.values()) await (await embedder.catch(() => undefined))?.close();
  }

  async #open(row: CollectionRow): Promise<Collection> {
    const { hnsw, logger, clock = () => performance.now(), auditEvery = 100, memory } = this.#options;
    const store = this.#store;
    const maintained = await MaintainedIndex.open({
      store,
      collection: row,
      data: this.#options.directory,
      directory: this.#indexes,
      hnsw,
      logger,
      clock,
      memory,
      build: this.#options.build,
      pause: this.#options.pause,
    });
    const audit = new RecallAudit({ index: maintained.index, every: auditEvery, logger, clock });
    const collection = collectionOf({
      row,
      store,
      maintained,
      audit,
      embedder: () => this.#embedder(row.model),
      clock,
      observer: this.#options.observer,
      assertOpen: () => {
        if (this.#get(row.name).row.id !== row.id) throw notFound(row.name);
      },
    });
    this.#opened.set(row.name, { collection, maintained, row });
    return collection;
  }

  #embedder(model: string): Promise<Embedder> {
    let embedder = this.#embedders.get(model);
    if (!embedder) {
      embedder = this.#options.embedderFor(model);
      this.#embedders.set(model, embedder);
      // A start that failed may succeed next time.
      embedder.catch(() => this.#embedders.delete(model));
    }
    return embedder;
  }

  #get(name: string): Opened {
    this.#assertOpen();
    const opened = this.#opened.get(name);
    if (!opened) throw notFound(name);
    return opened;
  }

  #assertOpen(): void {
    if (this.#closing) throw new AttractorError('not_ready', 'The catalogue is closed.');
  }
}

function notFound(name: string): AttractorError {
  return new AttractorError('collection_not_found', `There is no collection "${name}".`, {
    field: 'collection',
    received: name,
  });
}
