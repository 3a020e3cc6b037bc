// The rows of hits, read from the store once and kept while they are asked for: a read costs four times as much as finding the
// hit did. Every change of an item must be told.

import type { ItemRow, ItemTable } from '../store/items.ts';

/** A row with its JSON read. */
export interface KnownItem extends Omit<ItemRow, 'tags' | 'attributes'> {
  readonly tags: readonly string[];
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}

export function knownItem(row: ItemRow): KnownItem {
  return { ...row, tags: JSON.parse(row.tags), attributes: JSON.parse(row.attributes) };
}

/** About 10 MB. */
const MOST = 20_000;

export class ItemCache {
  readonly #items: ItemTable;
  readonly #collection: number;
  /** In the order of their last use. */
  readonly #known = new Map<number, KnownItem>();

  constructor(options: { items: ItemTable; collection: number }) {
    this.#items = options.items;
    this.#collection = options.collection;
  }

  /** In the order of `slots`; undefined for those that the store does not have. */
  at(slots: readonly number[]): (KnownItem | undefined)[] {
    const missing = slots.filter((slot) => !this.#known.has(slot));
    if (missing.length > 0) {
      for (const row of this.#items.bySlots(this.#collection, missing)) {
        this.#known.set(row.slot, knownItem(row));
      }
    }
    const found = slots.map((slot) => {
      const item = this.#known.get(slot);
      if (item && this.#known.delete(slot)) this.#known.set(slot, item);
      return item;
    });
    for (const slot of this.#known.keys()) {
      if (this.#known.size <= MOST) break;
      this.#known.delete(slot);
    }
    return found;
  }

  forget(slot: number): void {
    this.#known.delete(slot);
  }
}
