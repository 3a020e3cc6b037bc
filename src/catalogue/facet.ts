// The values of an attribute, of the tags or of the groups, each with the number of items that have it.

import { invalid, refuseUnknown } from '../errors/error.ts';
import type { FilterInput } from '../filter/read.ts';
import type { CollectionContext } from './context.ts';
import { integer } from './question.ts';
import { askedFilter, selectionOf } from './selection.ts';
import type { AttributeValue } from './types.ts';
import { LIMITS } from './validate.ts';

export interface FacetOptions {
  /** The name of an attribute, `tags` or `group`. */
  readonly key: string;
  /** Only items that pass are counted. */
  readonly filter?: FilterInput;
  /** Values wanted, 1 to 1,000. Default 10. */
  readonly limit?: number;
}

export interface FacetCount {
  readonly value: AttributeValue;
  readonly count: number;
}

/** Exact; the most frequent first, equal counts in order of their values. A key that no item has gives none. */
export function facetOf(context: CollectionContext, options: FacetOptions): FacetCount[] {
  refuseUnknown(options, ['key', 'filter', 'limit'], 'facet');
  const { key } = options;
  if (typeof key !== 'string' || key === '') {
    throw invalid('key', 'the name of an attribute, "tags" or "group"', key);
  }
  const limit = integer(options.limit ?? 10, 'limit', 1, LIMITS.queryLimit);
  const selection = selectionOf(context, askedFilter(options.filter));
  const { items } = context.maintained;
  if (key === 'group' && !selection) {
    const groups = context.store.items.largestGroups(context.row.id, limit);
    return groups.map(({ group: value, count }) => ({ value, count }));
  }
  const mask = selection?.mask ?? items.live;
  const counts = key === 'group' ? countGroups(context, mask) : items.counts(key, mask);
  return [...counts]
    .map(([value, count]) => ({ value, count }))
    .sort((a, b) => b.count - a.count || compare(a.value, b.value))
    .slice(0, limit);
}

function countGroups(context: CollectionContext, mask: Uint8Array): Map<AttributeValue, number> {
  const { flat } = context.maintained.index;
  const counts = new Map<AttributeValue, number>();
  for (const { slot, group } of context.store.items.groups(context.row.id)) {
    if (mask[flat.rowOf(slot)] === 1) counts.set(group, (counts.get(group) ?? 0) + 1);
  }
  return counts;
}

function compare(a: AttributeValue, b: AttributeValue): number {
  if (typeof a !== typeof b) return typeof a < typeof b ? -1 : 1;
  return a < b ? -1 : Number(a > b);
}
