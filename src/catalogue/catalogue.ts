// All collections of one data folder, by name and alias: makes them, finds them, drops them. What an open one needs it has from
// open-collections.ts and embedders.ts.

import type { Embedder } from '../embed/embedder.ts';
import { AttractorError, invalid, refuseUnknown } from '../errors/error.ts';
import type { ReplyTable } from '../store/replies.ts';
import { openStore, type Store } from '../store/store.ts';
import type { TaskTable } from '../store/tasks.ts';
import { Aliases } from './aliases.ts';
import { infoOf } from './collection.ts';
import { NO_MODEL } from './context.ts';
import { Embedders } from './embedders.ts';
import { OpenCollections, type OpenOptions } from './open-collections.ts';
import { integer } from './question.ts';
import type { AliasAction, AliasInfo, Catalogue, Collection, CollectionInfo, Writing } from './types.ts';
import { checkCollectionName, LIMITS } from './validate.ts';

export interface CatalogueOptions extends OpenOptions {
  /** What a model is, without starting it. Throws `model_not_found`. */
  readonly models: (name: string) => Promise<{ name: string; fingerprint: string; dimension: number }>;
  /** Called once per model, when its first image comes. The catalogue closes what it gets. */
  readonly embedderFor: (model: string) => Promise<Embedder>;
  readonly defaultModel: string;
}

const KNOWN =
  'directory models embedderFor defaultModel logger clock hnsw auditEvery memory build pause observer';

/**
 * Opens a data folder. Answers are right as soon as it returns; graphs that have to be built again are built in the
 * background. Throws `store_locked`, `store_newer` or `store_corrupt`.
 */
export async function openCatalogue(options: CatalogueOptions): Promise<Catalogue> {
  refuseUnknown(options, KNOWN.split(' '), 'catalogue');
  const store = openStore({ directory: options.directory, logger: options.logger });
  try {
    const embedders = new Embedders(options.embedderFor);
    const collections = await OpenCollections.openAll(options, store, embedders);
    return new StoredCatalogue(options, store, embedders, collections);
  } catch (error) {
    store.close();
    throw error;
  }
}

class StoredCatalogue implements Catalogue {
  readonly #options: CatalogueOptions;
  readonly #store: Store;
  readonly #aliases: Aliases;
  readonly #embedders: Embedders;
  readonly #collections: OpenCollections;
  #closing: Promise<void> | undefined;

  constructor(options: CatalogueOptions, store: Store, embedders: Embedders, collections: OpenCollections) {
    this.#options = options;
    this.#store = store;
    this.#embedders = embedders;
    this.#collections = collections;
    this.#aliases = new Aliases(store);
  }

  list(): CollectionInfo[] {
    return this.#collections.list();
  }

  collection(name: string): Collection {
    return this.#collections.get(this.#aliases.resolve(name)).collection;
  }

  async createCollection(
    options: { name: string; model?: string; dimension?: number } & Writing<CollectionInfo>,
  ): Promise<Collection> {
    refuseUnknown(options, ['name', 'model', 'dimension', 'onWritten'], 'collection');
    const { name } = options;
    checkCollectionName(name, 'name');
    const made = await this.#madeBy(options);
    this.#collections.assertOpen();
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
    return this.#collections.open(row);
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
    const { row } = this.#collections.get(name);
    this.#store.transaction(() => {
      this.#store.dropCollection(row.id);
      onWritten?.();
    });
    this.#collections.drop(name);
    this.#aliases.reload();
  }

  aliases(): AliasInfo[] {
    this.#collections.assertOpen();
    return this.#aliases.list();
  }

  changeAliases(options: { actions: readonly AliasAction[] } & Writing<void>): void {
    this.#collections.assertOpen();
    this.#aliases.change(options);
  }

  async embedder(model: string): Promise<Embedder> {
    this.#collections.assertOpen();
    return this.#embedders.get(model);
  }

  get tasks(): TaskTable {
    return this.#open.tasks;
  }

  get replies(): ReplyTable {
    return this.#open.replies;
  }

  getMeta(key: string): string | undefined {
    return this.#open.getMeta(key);
  }

  setMeta(key: string, value: string): void {
    this.#open.setMeta(key, value);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#collections.close();
    this.#store.close();
    await this.#embedders.close();
  }

  /** The store, while it is open. */
  get #open(): Store {
    this.#collections.assertOpen();
    return this.#store;
  }
}
