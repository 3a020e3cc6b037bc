// Filters as the operations on a collection use them: read once, then the rows that pass, or their items in pages.

import type { Filter } from '../filter/filter.ts';
import { type FilterInput, readFilter } from '../filter/read.ts';
import type { Selection } from '../filter/selection.ts';
import type { CollectionContext } from './context.ts';
import { takeTurns } from './turns.ts';

export interface AskedFilter {
  readonly filter: Filter;
  /** As it was given: what the rows are remembered by. */
  readonly text: string;
}

/** Throws `invalid_argument` or `unknown_option`, naming the place under `filter`. */
export function askedFilter(input: FilterInput | undefined): AskedFilter | undefined {
  return input === undefined ? undefined : { filter: readFilter(input), text: JSON.stringify(input) };
}

/** Names of attributes that a warning lists. */
const LISTED = 20;

/** What a question names beside its filter: values are counted, or answers grouped, by `key`. */
export interface KeyUse {
  readonly as: 'facet' | 'groups';
  readonly key: string;
}

/** No errors, for an attribute or another type may come with the next item; but most such names and values are misspelt. */
export function warningsOf(
  { maintained: { items, index } }: CollectionContext,
  selection: Selection | undefined,
  use?: KeyUse,
): string[] {
  if (index.size === 0 || !(selection || use)) return [];
  const absent: { as: string; key: string }[] = (selection?.unknown ?? []).map((key) => ({
    as: 'filter',
    key,
  }));
  if (use && use.key !== 'group' && !items.has(use.key)) absent.push(use);
  const wrong = (selection?.mistyped ?? []).map(({ key, asked, types }) => {
    const received = `compared with a ${asked.join(' or ')}`;
    return `filter: values of "${key.slice(0, 64)}" are of type ${types.join(' or ')}, ${received}. Types never mix.`;
  });
  if (absent.length === 0) return [...new Set(wrong)];
  const known = [...items.attributes].sort();
  const list = [...known.slice(0, LISTED), ...(known.length > LISTED ? ['...'] : [])].join(', ');
  const there = `There are: ${list || 'none'}; beside them tags, and group, as which an import keeps the column of the product.`;
  const missing = absent.map(
    ({ as, key }) => `${as}: no item has an attribute "${key.slice(0, 64)}". ${there}`,
  );
  return [...new Set([...missing, ...wrong])];
}

/** To be waited for before `selectionOf`: where a filter is the first to look into texts, it takes turns to get ready. */
export function prepareFilter(
  context: CollectionContext,
  { filter }: AskedFilter,
  signal?: AbortSignal,
): Promise<void> {
  return context.maintained.items.prepare(filter, takeTurns(context, signal));
}

/** Good until the collection changes. Throws where that is closed or gone. */
export function selectionOf(context: CollectionContext, asked: AskedFilter): Selection {
  context.assertOpen();
  return context.maintained.items.select(asked);
}
