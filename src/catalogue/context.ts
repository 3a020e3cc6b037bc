// What the operations on one collection share, and the two questions they all ask.

import type { Embedder, EmbedRequest, EmbedResult } from '../embed/embedder.ts';
import { AttractorError, asAttractorError } from '../errors/error.ts';
import { normalised } from '../math/normalise.ts';
import type { ItemRow } from '../store/items.ts';
import type { CollectionRow, Store } from '../store/store.ts';
import type { MaintainedIndex } from './maintained-index.ts';
import type { CatalogueObserver } from './observer.ts';
import type { RecallAudit } from './recall-audit.ts';
import type { Item } from './types.ts';

export interface CollectionContext {
  readonly row: CollectionRow;
  readonly store: Store;
  readonly maintained: MaintainedIndex;
  readonly audit: RecallAudit;
  /** Starts the embedder of the collection's model at the first call. */
  readonly embedder: () => Promise<Embedder>;
  /** Milliseconds. */
  readonly clock: () => number;
  readonly observer?: CatalogueObserver;
  /** Throws `collection_not_found` once dropped, `not_ready` once closed. To be asked again after every await. */
  readonly assertOpen: () => void;
}

/**
 * Vectors of images, in order, by the collection's own model. Throws `fingerprint_mismatch` where the model of that
 * name is another one by now, `collection_without_model` where there is none.
 */
export async function embed(context: CollectionContext, request: EmbedRequest): Promise<EmbedResult[]> {
  assertModel(context.row);
  const embedder = await context.embedder();
  assertSameModel(context.row, embedder.fingerprint);
  const results = await embedder.embed(request);
  return results.map((result) => ('error' in result ? result : usable(result.vector, context.row.dimension)));
}

type MadeBy = Pick<CollectionRow, 'name' | 'model' | 'fingerprint'>;

function assertSameModel({ name, model, fingerprint }: MadeBy, now: string): void {
  if (now === fingerprint) return;
  throw new AttractorError(
    'fingerprint_mismatch',
    `The collection "${name}" was made by ${fingerprint}; the model "${model}" is ${now} now: another model, or another precision. Make a new collection with it, or put the old one back.`,
    { expected: fingerprint, received: now },
  );
}

/** Why images are refused, by each collection whose model is not there, not whole, or another one by now. */
export async function withoutTheirModel(options: {
  collections: readonly MadeBy[];
  models: (name: string) => Promise<{ readonly fingerprint: string }>;
}): Promise<{ collection: string; why: string }[]> {
  const { collections, models } = options;
  const found = new Map<string, ReturnType<typeof models>>();
  const looked = collections.map(async (row) => {
    const { name: collection, model } = row;
    try {
      if (!found.has(model)) found.set(model, models(model));
      assertSameModel(row, (await found.get(model)!).fingerprint);
      return [];
    } catch (error) {
      return { collection, why: asAttractorError(error).message };
    }
  });
  return (await Promise.all(looked)).flat();
}

/** What the store has for the model of a collection that was made by its dimension. */
export const NO_MODEL = { model: '', fingerprint: '' };

export const hasModel = (row: CollectionRow): boolean => row.fingerprint !== NO_MODEL.fingerprint;

/** Throws `collection_without_model`. */
export function assertModel(row: CollectionRow, field = 'image'): void {
  if (hasModel(row)) return;
  const message = `${field}: the collection "${row.name}" was made by its dimension and has no model: it takes vectors only.`;
  throw new AttractorError('collection_without_model', message, { field, expected: 'a vector' });
}

/** A broken model fails its images; it must not get as far as the store. */
function usable(vector: Float32Array, dimension: number): EmbedResult {
  const unit = vector.length === dimension ? normalised(vector) : undefined;
  if (unit) return { vector: unit };
  const message = `The model gave no vector of ${dimension} finite components for this image.`;
  return { error: new AttractorError('internal', message) };
}

/** Throws `item_not_found`. */
export function rowOf(context: CollectionContext, id: string): ItemRow {
  const row = context.store.items.byId(context.row.id, id);
  if (row) return row;
  const message = `The collection "${context.row.name}" has no item "${id}".`;
  throw new AttractorError('item_not_found', message, { field: 'id', received: id });
}

/** The item with its vector, where that is asked for. */
export function shown(context: CollectionContext, item: Item, slot: number, withVector = false): Item {
  return withVector ? { ...item, vector: context.maintained.index.flat.vector(slot).slice() } : item;
}
