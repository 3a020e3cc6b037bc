// Second names of collections, so that a shop's code names "live" and the operator decides what that is. A list of changes
// is applied whole or not at all. An alias is never the name of a collection, and points at a collection, not at an alias.

import { AttractorError, invalid, refuseUnknown } from '../errors/error.ts';
import type { Store } from '../store/store.ts';
import type { AliasAction, AliasInfo, Writing } from './types.ts';
import { checkCollectionName } from './validate.ts';

/** More than any deployment switches at once. */
const MOST_ACTIONS = 1000;

export class Aliases {
  readonly #store: Store;
  /** Alias to collection. */
  #known = new Map<string, string>();

  constructor(store: Store) {
    this.#store = store;
    this.reload();
  }

  /** To be called where a collection was dropped: its aliases went with it. */
  reload(): void {
    this.#known = new Map(this.#store.aliases.all().map(({ alias, collection }) => [alias, collection]));
  }

  has(name: string): boolean {
    return this.#known.has(name);
  }

  /** The collection's name, where `name` is an alias; else `name`. */
  resolve(name: string): string {
    return this.#known.get(name) ?? name;
  }

  list(): AliasInfo[] {
    return [...this.#known].map(([alias, collection]) => ({ alias, collection }));
  }

  /** One after the other, in one transaction: readers see all of it or nothing. */
  change({ actions, onWritten }: { actions: readonly AliasAction[] } & Writing<void>): void {
    if (!Array.isArray(actions) || actions.length > MOST_ACTIONS) {
      throw invalid('actions', `an array of at most ${MOST_ACTIONS} actions`, actions);
    }
    const store = this.#store;
    store.transaction(() => {
      const collections = new Map(store.collections().map(({ name, id }) => [name, id]));
      const known = new Map(this.#known);
      actions.forEach((action, i) => {
        const at = `actions[${i}]`;
        apply({ store, collections, known, action, at });
      });
      onWritten?.();
    });
    this.reload();
  }
}

function apply(options: {
  store: Store;
  collections: ReadonlyMap<string, number>;
  known: Map<string, string>;
  action: AliasAction;
  at: string;
}): void {
  const { store, collections, known, action, at } = options;
  const set = (alias: string, collection: string, field: string) => {
    checkCollectionName(alias, field);
    if (collections.has(alias)) throw taken(alias, 'a collection', field);
    store.aliases.set(alias, collections.get(collection)!);
    known.set(alias, collection);
  };
  if ('create' in action) {
    const { alias, collection } = action.create;
    refuseUnknown(action.create, ['alias', 'collection'], at);
    if (!collections.has(collection)) throw notFound('collection', collection, `${at}.collection`);
    set(alias, collection, `${at}.alias`);
  } else if ('delete' in action) {
    // One that is not there is no error, as in Qdrant: "delete, then create" also works the first time.
    store.aliases.delete(action.delete.alias);
    known.delete(action.delete.alias);
  } else if ('rename' in action) {
    const { from, to } = action.rename;
    const collection = known.get(from);
    if (collection === undefined) throw notFound('alias', from, `${at}.from`);
    if (known.has(to) && to !== from) throw taken(to, 'an alias', `${at}.to`);
    store.aliases.delete(from);
    known.delete(from);
    set(to, collection, `${at}.to`);
  } else {
    throw invalid(at, 'create, delete or rename', action);
  }
}

function notFound(what: 'collection' | 'alias', name: string, field: string): AttractorError {
  return new AttractorError(`${what}_not_found`, `There is no ${what} "${name}".`, { field, received: name });
}

function taken(name: string, what: string, field: string): AttractorError {
  return new AttractorError('collection_exists', `There is ${what} "${name}" already.`, {
    field,
    received: name,
  });
}
