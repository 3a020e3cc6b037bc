// Reading without a query: pages of items in the order in which they came, and how many there are.

import { AttractorError, refuseUnknown } from '../errors/error.ts';
import type { FilterInput } from '../filter/read.ts';
import { type CollectionContext, shown } from './context.ts';
import { itemOf } from './item-cache.ts';
import { integer } from './question.ts';
import { askedFilter, prepareFilter, selectionOf } from './selection.ts';
import type { Item } from './types.ts';
import { LIMITS } from './validate.ts';

export interface ScrollOptions {
  readonly filter?: FilterInput;
  /** Items wanted, 1 to 1,000. Default 10. */
  readonly limit?: number;
  /** The id of the first item wanted: `next` of the page before. */
  readonly offset?: string;
  readonly withVector?: boolean;
}

export interface ScrollPage {
  readonly items: readonly Item[];
  /** The id of the first item of the next page; absent after the last. */
  readonly next?: string;
}

/** Throws `item_not_found` where the item that `offset` names is not there (any more). */
export async function scrollItems(context: CollectionContext, options: ScrollOptions): Promise<ScrollPage> {
  refuseUnknown(options, ['filter', 'limit', 'offset', 'withVector'], 'scroll');
  const { offset, withVector } = options;
  const limit = integer(options.limit ?? 10, 'limit', 1, LIMITS.queryLimit);
  const filter = askedFilter(options.filter);
  if (filter) await prepareFilter(context, filter);
  const { maintained, store, row } = context;
  const mask = filter ? selectionOf(context, filter).mask : maintained.items.live;
  const slots: number[] = [];
  for (const slot of maintained.items.slots(mask, firstSlot(context, offset))) {
    if (slots.push(slot) > limit) break;
  }
  const rows = store.items.bySlots(row.id, slots);
  const next = rows[limit]?.id;
  const items = rows.slice(0, limit).map((one) => shown(context, itemOf(one), one.slot, withVector));
  return { items, ...(next !== undefined && { next }) };
}

/** Exact. */
export async function countItems(
  context: CollectionContext,
  options: { filter?: FilterInput },
): Promise<number> {
  refuseUnknown(options, ['filter'], 'count');
  const filter = askedFilter(options.filter);
  if (!filter) return context.maintained.index.size;
  await prepareFilter(context, filter);
  return selectionOf(context, filter).matches;
}

function firstSlot(context: CollectionContext, offset: string | undefined): number {
  if (offset === undefined) return 0;
  const slot = context.store.items.byId(context.row.id, offset)?.slot;
  if (slot !== undefined) return slot;
  const message = `offset: the collection "${context.row.name}" has no item "${offset}" (any more).`;
  throw new AttractorError('item_not_found', message, { field: 'offset', received: offset });
}
