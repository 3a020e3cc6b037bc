// The rows of hits, read from the store once and kept while they are asked for: a read costs four times as much as finding the
// hit did. Every change of an item must be told.

import type { ItemRow, ItemTable } from '../store/items.ts';
import { Recent } from './recent.ts';
import type { Item } from './types.ts';

/** A row with its JSON read. Frozen, for all who ask to share. */
export function itemOf({ id, group, tags, attributes, imageHash }: ItemRow): Item {
  return Object.freeze({
    id,
    group,
    tags: Object.freeze(JSON.parse(tags)),
    attributes: Object.freeze(JSON.parse(attributes)),
    ...(imageHash !== null && { imageHash }),
  });
}

/** Up to twice as many are kept: about 10 MB. */
const MOST = 10_000;

export class ItemCache {
  readonly #items: ItemTable;
  readonly #collection: number;
  readonly #known = new Recent<number, Item>(MOST);

  constructor(options: { items: ItemTable; collection: number }) {
    this.#items = options.items;
    this.#collection = options.collection;
  }

  /** In the order of `slots`; undefined for those that the store does not have. */
  at(slots: ArrayLike<number>): (Item | undefined)[] {
    const found: (Item | undefined)[] = [];
    const missing: number[] = [];
    for (let i = 0; i < slots.length; i++) {
      found.push(this.#known.get(slots[i]!));
      if (!found[i]) missing.push(slots[i]!);
    }
    if (missing.length === 0) return found;
    const rows = this.#items.bySlots(this.#collection, missing);
    const read = new Map(rows.map((row) => [row.slot, itemOf(row)]));
    for (const [slot, item] of read) this.#known.set(slot, item);
    return found.map((item, i) => item ?? read.get(slots[i]!));
  }

  forget(slot: number): void {
    this.#known.delete(slot);
  }
}
