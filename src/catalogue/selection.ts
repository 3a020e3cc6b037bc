// Filters as the operations on a collection use them: read once, then the rows that pass, or their items in pages.

import type { Selection } from '../filter/columns.ts';
import type { Filter } from '../filter/filter.ts';
import { type FilterInput, readFilter } from '../filter/read.ts';
import type { CollectionContext } from './context.ts';

export interface AskedFilter {
  readonly filter: Filter;
  /** As it was given: what the rows are remembered by. */
  readonly text: string;
}

/** Throws `invalid_argument` or `unknown_option`, naming the place under `filter`. */
export function askedFilter(input: FilterInput | undefined): AskedFilter | undefined {
  return input === undefined ? undefined : { filter: readFilter(input), text: JSON.stringify(input) };
}

/** Good until the collection changes; undefined without a filter. */
export function selectionOf(
  context: CollectionContext,
  asked: AskedFilter | undefined,
): Selection | undefined {
  return asked && context.maintained.items.select(asked);
}
