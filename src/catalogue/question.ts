// What a query asks, checked and turned into what the index understands: a vector, the item that is no answer, the rows
// that pass the filter.

import { invalid, refuseUnknown } from '../errors/error.ts';
import type { Selection } from '../filter/columns.ts';
import { readFilter } from '../filter/read.ts';
import { type CollectionContext, embed, rowOf } from './context.ts';
import type { QueryOptions } from './types.ts';
import { imageHash, LIMITS, validVector } from './validate.ts';

export const OPTIONS: readonly string[] = [
  'by',
  'limit',
  'filter',
  'scoreThreshold',
  'exact',
  'ef',
  'withVector',
  'explain',
  'signal',
];

/** Good until the collection changes: to be answered in the turn it comes. */
export interface Question {
  readonly vector: Float32Array;
  /** The slot of the item that is asked by: it is no answer. -1 for none. */
  readonly self: number;
  /** Undefined without a filter. */
  readonly selection: Selection | undefined;
  readonly limit: number;
  readonly threshold: number;
  readonly exact: boolean | undefined;
  readonly ef: number | undefined;
  /** When it was asked, had its vector, had its rows: milliseconds of the context's clock. */
  readonly started: number;
  readonly embedded: number;
  readonly filtered: number;
}

/** Throws for anything that cannot be asked. */
export async function questionOf(context: CollectionContext, options: QueryOptions): Promise<Question> {
  const started = context.clock();
  const { scoreThreshold: threshold = -Infinity, exact, ef } = options;
  if (options.scoreThreshold !== undefined && !Number.isFinite(threshold)) {
    throw invalid('scoreThreshold', 'a finite number', threshold);
  }
  if (ef !== undefined) integer(ef, 'ef', LIMITS.ef);
  const limit = integer(options.limit ?? 10, 'limit', LIMITS.queryLimit);
  const filter = options.filter === undefined ? undefined : readFilter(options.filter);
  const { vector, self } = await vectorOf(context, options);
  context.assertOpen();
  const embedded = context.clock();
  const { maintained, store, row } = context;
  const text = JSON.stringify(options.filter);
  const selection =
    filter && maintained.items.select({ filter, text, items: store.items, collection: row.id });
  const filtered = context.clock();
  return { vector, self, selection, limit, threshold, exact, ef, started, embedded, filtered };
}

async function vectorOf(context: CollectionContext, options: QueryOptions) {
  const { by, signal } = options;
  if (by === null || typeof by !== 'object' || Object.keys(by).length !== 1) {
    throw invalid('by', 'exactly one of image, id and vector', by);
  }
  refuseUnknown(by, ['image', 'id', 'vector'], 'by');
  if ('vector' in by) return { vector: validVector(by.vector, 'by.vector', context.row.dimension), self: -1 };
  if ('id' in by) {
    const { slot } = rowOf(context, by.id);
    return { vector: context.maintained.index.flat.vector(slot).slice(), self: slot };
  }
  // Read but never written: what visitors photograph is not kept.
  const cached = context.store.items.cachedVector(imageHash(by.image, 'by.image'), context.row.fingerprint);
  if (cached) return { vector: cached, self: -1 };
  const [result] = await embed(context, { images: [by.image], priority: 'online', signal });
  if ('error' in result!) throw result.error;
  return { vector: result!.vector, self: -1 };
}

function integer(value: number, field: string, most: number): number {
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw invalid(field, `an integer from 1 to ${most}`, value);
  }
  return value;
}
