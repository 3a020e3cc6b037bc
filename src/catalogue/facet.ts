// The values of an attribute, of the tags or of the groups, each with the number of items that have it.

import { invalid, refuseUnknown } from '../errors/error.ts';
import type { Turns } from '../filter/filter.ts';
import type { FilterInput } from '../filter/read.ts';
import type { Bits } from '../math/bits.ts';
import type { CollectionContext } from './context.ts';
import { integer } from './question.ts';
import { askedFilter, prepareFilter, selectionOf } from './selection.ts';
import { takeTurns } from './turns.ts';
import type { AttributeValue } from './types.ts';
import { LIMITS } from './validate.ts';

export interface FacetOptions {
  /** The name of an attribute, `tags` or `group`. */
  readonly key: string;
  /** Only items that pass are counted. */
  readonly filter?: FilterInput;
  /** Values wanted, 1 to 1,000. Default 10. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

/** Rows that are read, and values that are sorted, between two looks at the clock. */
const STEP = 1000;

export interface FacetCount {
  readonly value: AttributeValue;
  readonly count: number;
}

/** Exact; the most frequent first, equal counts in order of their values. A key that no item has gives none. */
export async function facetOf(context: CollectionContext, options: FacetOptions): Promise<FacetCount[]> {
  refuseUnknown(options, ['key', 'filter', 'limit', 'signal'], 'facet');
  const { key } = options;
  if (typeof key !== 'string' || key === '') {
    throw invalid('key', 'the name of an attribute, "tags" or "group"', key);
  }
  const limit = integer(options.limit ?? 10, 'limit', 1, LIMITS.queryLimit);
  const filter = askedFilter(options.filter);
  if (filter) await prepareFilter(context, filter, options.signal);
  const { items } = context.maintained;
  if (key === 'group' && !filter) {
    const groups = context.store.items.largestGroups(context.row.id, limit);
    return groups.map(({ group: value, count }) => ({ value, count }));
  }
  const mask = filter ? selectionOf(context, filter).mask : items.live;
  const turns = takeTurns(context, options.signal);
  const counts = key === 'group' ? await countGroups(context, mask, turns) : items.counts(key, mask);
  const first: FacetCount[] = [];
  const cut = () => first.sort((a, b) => b.count - a.count || compare(a.value, b.value)).splice(limit);
  for (const [value, count] of counts) {
    if (first.push({ value, count }) < limit + STEP) continue;
    cut();
    if (turns.over) await turns.next();
  }
  cut();
  return first;
}

/** An item that goes meanwhile is counted or not, as it comes. */
async function countGroups(
  { maintained, store, row }: CollectionContext,
  mask: Bits,
  turns: Turns,
): Promise<Map<AttributeValue, number>> {
  const counts = new Map<AttributeValue, number>();
  // All at once: the mask is good for this turn only.
  const slots = [...maintained.items.slots(mask)];
  for (let at = 0; at < slots.length; at += STEP) {
    for (const group of store.items.groupsAt(row.id, slots.slice(at, at + STEP))) {
      counts.set(group, (counts.get(group) ?? 0) + 1);
    }
    if (turns.over) await turns.next();
  }
  return counts;
}

function compare(a: AttributeValue, b: AttributeValue): number {
  if (typeof a !== typeof b) return typeof a < typeof b ? -1 : 1;
  return a < b ? -1 : Number(a > b);
}
