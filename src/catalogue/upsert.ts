// Writing items: check, embed what no one has embedded yet, then one transaction. Between the transaction and the
// index there is no await, so overlapping calls take turns by themselves, and a reader never sees one without the other.

import type { EmbedPriority } from '../embed/embedder.ts';
import { AttractorError } from '../errors/error.ts';
import type { ItemRow } from '../store/items.ts';
import { assertModel, type CollectionContext, embed } from './context.ts';
import type { IndexedItem } from './indexed-items.ts';
import { observe, observed } from './observer.ts';
import type { ItemInput, UpsertResult, UpsertStatus, Writing } from './types.ts';
import { type ValidItem, validItem } from './validate.ts';

/** What became of an image: its vector, or why there is none. */
type Embedded = Float32Array | AttractorError;

/** What a transaction did, for the index. */
interface Changes {
  readonly added: IndexedItem[];
  readonly updated: Omit<IndexedItem, 'vector'>[];
  readonly removed: number[];
}

export async function upsertItems(
  context: CollectionContext,
  options: {
    items: readonly ItemInput[];
    allOrNothing?: boolean;
    priority?: EmbedPriority;
    signal?: AbortSignal;
  } & Writing<UpsertResult[]>,
): Promise<UpsertResult[]> {
  const checked = options.items.map((item, i) => check(context, item, `items[${i}]`));
  const malformed = options.allOrNothing && checked.find((item) => item instanceof AttractorError);
  if (malformed) throw malformed;
  const embedded = await embedImages(context, checked, options);
  context.assertOpen();

  const from = context.clock();
  const { store, maintained, row } = context;
  const changes: Changes = { added: [], updated: [], removed: [] };
  const results = store.transaction(() => {
    for (const [hash, { vector, cached }] of embedded) {
      if (!cached && vector instanceof Float32Array) store.items.cacheVector(hash, row.fingerprint, vector);
    }
    const written = checked.map((item, i): UpsertResult => {
      const id = item instanceof AttractorError ? String(options.items[i]?.id ?? '') : item.id;
      const vector =
        item instanceof AttractorError ? item : (item.vector ?? embedded.get(item.image!.hash)!.vector);
      if (item instanceof AttractorError || vector instanceof AttractorError) {
        return { id, status: 'failed', error: vector as AttractorError };
      }
      return { id, status: write(context, item, vector, changes) };
    });
    options.onWritten?.(written);
    return written;
  });
  // In this order: a slot may be taken, given other metadata and replaced within one batch.
  for (const item of changes.added) maintained.items.add(item);
  for (const item of changes.updated) maintained.items.update(item);
  for (const slot of changes.removed) maintained.items.remove(slot);
  if (changes.added.length + changes.updated.length + changes.removed.length > 0) context.audit.changed();
  maintained.changed();
  observe(context, { operation: 'upsert', stage: 'write', from });
  return results;
}

/** Durable when it returns. */
export function deleteItems(
  context: CollectionContext,
  options: { ids: readonly string[] } & Writing<{ deleted: number }>,
): { deleted: number } {
  const { store, maintained, row } = context;
  const removed = store.transaction(() => {
    const slots: number[] = [];
    for (const id of options.ids) {
      const item = store.items.byId(row.id, id);
      if (!item) continue;
      store.items.delete(row.id, item);
      slots.push(item.slot);
    }
    options.onWritten?.({ deleted: slots.length });
    return slots;
  });
  for (const slot of removed) maintained.items.remove(slot);
  if (removed.length > 0) context.audit.changed();
  maintained.changed();
  return { deleted: removed.length };
}

function check(context: CollectionContext, item: ItemInput, at: string): ValidItem | AttractorError {
  try {
    const valid = validItem(item, at, context.row.dimension);
    if (valid.image) assertModel(context.row, `${at}.image`);
    return valid;
  } catch (error) {
    if (error instanceof AttractorError) return error;
    throw error;
  }
}

/** By image hash. An image that many items share, or that any collection of this model has seen, is embedded once. */
async function embedImages(
  context: CollectionContext,
  checked: readonly (ValidItem | AttractorError)[],
  options: { priority?: EmbedPriority; signal?: AbortSignal },
): Promise<Map<string, { vector: Embedded; cached: boolean }>> {
  const embedded = new Map<string, { vector: Embedded; cached: boolean }>();
  const missing = new Map<string, Uint8Array>();
  for (const item of checked) {
    if (item instanceof AttractorError || !item.image) continue;
    const { hash, bytes } = item.image;
    const vector = context.store.items.cachedVector(hash, context.row.fingerprint);
    if (vector) embedded.set(hash, { vector, cached: true });
    else missing.set(hash, bytes);
  }
  const hits = embedded.size;
  if (hits + missing.size > 0) context.observer?.cache?.({ hits, misses: missing.size });
  if (missing.size === 0) return embedded;
  const { priority, signal } = options;
  const results = await observed(context, { operation: 'upsert', stage: 'embed' }, () =>
    embed(context, { images: [...missing.values()], priority, signal }),
  );
  let i = 0;
  for (const hash of missing.keys()) {
    const result = results[i++]!;
    embedded.set(hash, { vector: 'vector' in result ? result.vector : result.error, cached: false });
  }
  return embedded;
}

/** Inside the transaction. */
function write(
  context: CollectionContext,
  item: ValidItem,
  vector: Float32Array,
  changes: Changes,
): Exclude<UpsertStatus, 'failed'> {
  const { items } = context.store;
  const collection = context.row.id;
  const { id, group, tags, attributes } = item;
  const old = items.byId(collection, id);
  if (old && sameContent(context, old, item, changes)) {
    if (old.group === group && old.tags === tags && old.attributes === attributes) return 'unchanged';
    items.updateMetadata({ collection, slot: old.slot, group, tags, attributes });
    changes.updated.push({ slot: old.slot, tags, attributes });
    return 'updated';
  }
  if (item.image) items.putImage(item.image.hash, item.image.bytes);
  if (old) {
    items.delete(collection, old);
    changes.removed.push(old.slot);
  }
  const slot = items.takeSlot(collection);
  items.insert({
    collection,
    slot,
    id,
    group,
    tags,
    attributes,
    imageHash: item.image?.hash ?? null,
    vector,
  });
  changes.added.push({ slot, tags, attributes, vector });
  return old ? 'updated' : 'created';
}

function sameContent(context: CollectionContext, old: ItemRow, item: ValidItem, changes: Changes): boolean {
  if (item.image) return old.imageHash === item.image.hash;
  if (old.imageHash !== null) return false;
  const { flat } = context.maintained.index;
  const stored = flat.has(old.slot)
    ? flat.vector(old.slot)
    : changes.added.find((entry) => entry.slot === old.slot)!.vector;
  return stored.every((x, i) => x === item.vector![i]);
}
