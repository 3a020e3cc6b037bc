// What queries read, in memory: the vectors and their graph, and the metadata that filters look at, row by row in line.
// Every change goes through here, in the turn of its commit.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { Columns, type Metadata } from '../filter/columns.ts';
import type { Filter, Scalar, Turns, Value } from '../filter/filter.ts';
import { type RowsOf, Selection } from '../filter/selection.ts';
import { HnswIndex, type HnswOptions } from '../index/hnsw.ts';
import type { Bits } from '../math/bits.ts';
import type { ItemTable } from '../store/items.ts';
import { ItemCache } from './item-cache.ts';
import { Recent } from './recent.ts';

/** As the store has it: tags and attributes are JSON text. */
export interface IndexedItem {
  readonly slot: number;
  readonly tags: string;
  readonly attributes: string;
  readonly vector: Float32Array;
}

const PAGE = 1000;
/** Filters whose rows are kept, a bit each, until the next change: a shop's visitors choose among few. */
const KEPT = 16;

export class IndexedItems {
  readonly index: HnswIndex;
  readonly cache: ItemCache;
  readonly #items: ItemTable;
  readonly #collection: number;
  readonly #columns = new Columns();
  readonly #selections = new Recent<string, Selection>(KEPT);

  constructor(options: { dimension: number; hnsw?: HnswOptions; items: ItemTable; collection: number }) {
    const { dimension, hnsw, items, collection } = options;
    this.#items = items;
    this.#collection = collection;
    this.cache = new ItemCache({ items, collection });
    const onSqueeze = (stays: Bits) => {
      this.#selections.clear();
      this.#columns.squeeze(stays);
    };
    this.index = new HnswIndex({ ...hnsw, dimension, onSqueeze });
  }

  /** All that the store has. */
  async read(): Promise<void> {
    const [collection, { dimension }] = [this.#collection, this.index.shape];
    for (let after = -1; ; ) {
      const page = this.#items.page({ collection, dimension, after, limit: PAGE });
      for (const item of page) this.add(item);
      if (page.length < PAGE) return;
      after = page[PAGE - 1]!.slot;
      await nextTurn();
    }
  }

  /** Slots ascend. */
  add(item: IndexedItem): void {
    this.#selections.clear();
    this.index.add(item);
    this.#columns.push(metadataOf(item));
  }

  /** The vector stays. */
  update(item: Omit<IndexedItem, 'vector'>): void {
    this.#selections.clear();
    this.cache.forget(item.slot);
    this.#columns.set(this.index.flat.rowOf(item.slot), metadataOf(item));
  }

  remove(slot: number): void {
    this.#selections.clear();
    this.cache.forget(slot);
    this.#columns.clear(this.index.flat.rowOf(slot));
    this.index.remove(slot);
  }

  /** The rows that are live, by now. */
  get live(): Bits {
    return this.index.flat.live;
  }

  /** The slots of the rows in `mask`, ascending, from `first` on. */
  *slots(mask: Bits, first = 0): Generator<number> {
    const { flat } = this.index;
    // The lowest row at or above the slot.
    const next = first === 0 ? 0 : flat.rowOf(flat.next(first - 1) ?? first);
    if (next < 0) return;
    for (let row = mask.next(next); row >= 0; row = mask.next(row + 1)) yield flat.slotAt(row);
  }

  /** Whether `key` is `tags`, or an attribute that some item has. */
  has(key: string): boolean {
    return this.#columns.has(key);
  }

  /** The names of the attributes that some item has. */
  get attributes(): Iterable<string> {
    return this.#columns.attributes;
  }

  /** The value of `tags` or of an attribute. */
  value(key: string, slot: number): Value | undefined {
    return this.#columns.value(key, this.index.flat.rowOf(slot));
  }

  /** The rows of `mask` that have a value, by their slots, ascending. */
  *values(key: string, mask: Bits): Generator<[slot: number, value: Value]> {
    for (let row = mask.next(0); row >= 0; row = mask.next(row + 1)) {
      const value = this.#columns.value(key, row);
      if (value !== undefined) yield [this.index.flat.slotAt(row), value];
    }
  }

  /** How many rows of `mask` have each value of `tags` or of an attribute. */
  counts(key: string, mask: Bits): Map<Scalar, number> {
    return this.#columns.counts(key, mask);
  }

  /** To be waited for before `select`, which else may take long where it is the first to look into texts. */
  prepare(filter: Filter, turns: Turns): Promise<void> {
    return this.#columns.prepare(filter, turns);
  }

  /** The rows that pass, good until the next change. `text` is the filter as it was given. */
  select(options: { filter: Filter; text: string }): Selection {
    const { filter, text } = options;
    const kept = this.#selections.get(text);
    if (kept) return kept;
    const [items, collection] = [this.#items, this.#collection];
    const { flat } = this.index;
    const rowsOf: RowsOf = (kind, values) =>
      items.slotsOf(collection, kind, values).map((slot) => flat.rowOf(slot));
    const { live, size } = flat;
    const selection = new Selection({ filter, columns: this.#columns, live, size, rowsOf });
    this.#selections.set(text, selection);
    return selection;
  }
}

function metadataOf({ tags, attributes }: { tags: string; attributes: string }): Metadata {
  return { tags: JSON.parse(tags), attributes: JSON.parse(attributes) };
}
