// Why one item does not pass a filter: the first condition that it fails, as Qdrant would write it. For people who ask
// where an item went; which of many rows pass is columns.ts.

import { combined, type Filter, passes, type Test, type Value } from './filter.ts';

/** What a filter can look at. */
export interface FilteredItem {
  readonly id: string;
  readonly group: string;
  readonly tags: readonly string[];
  readonly attributes: Readonly<Record<string, Value>>;
}

/** Undefined where the item passes. */
export function firstFailure(filter: Filter, item: FilteredItem): object | undefined {
  if (itemPasses(filter, item)) return undefined;
  if (filter.kind === 'all') {
    const failed = filter.of.find((one) => !itemPasses(one, item))!;
    return firstFailure(failed, item);
  }
  if (filter.kind === 'any' && filter.of.length === 1) return firstFailure(filter.of[0]!, item);
  if (filter.kind === 'not') {
    // Of several things that it must not be, the one that it is.
    const { of } = filter;
    const met = of.kind === 'any' ? of.of.find((one) => itemPasses(one, item))! : of;
    return { must_not: [written(met)] };
  }
  return written(filter);
}

function itemPasses(filter: Filter, item: FilteredItem): boolean {
  return combined(filter, (one) =>
    one.kind === 'test' ? passes(one.test, valueAt(item, one.key)) : one.values.has(item[one.kind]),
  );
}

function valueAt({ tags, attributes }: FilteredItem, key: string): Value | undefined {
  if (key === 'tags') return tags;
  return Object.hasOwn(attributes, key) ? attributes[key] : undefined;
}

function written(filter: Filter): object {
  switch (filter.kind) {
    case 'all':
      return { must: filter.of.map(written) };
    case 'any':
      return { should: filter.of.map(written) };
    case 'not':
      return { must_not: [written(filter.of)] };
    case 'id':
      return { has_id: [...filter.values] };
    case 'group':
      return { key: 'group', match: among([...filter.values]) };
    case 'test':
      return filter.test.op === 'empty'
        ? { is_empty: { key: filter.key } }
        : { key: filter.key, ...writtenTest(filter.test) };
  }
}

function writtenTest(test: Exclude<Test, { op: 'empty' }>): object {
  switch (test.op) {
    case 'in':
      return { match: among([...test.values]) };
    case 'outside':
      return { match: { except: [...test.values] } };
    case 'text':
      return { match: { text: test.words.join(' ') } };
    case 'range': {
      const { op: _, ...bounds } = test;
      return { range: bounds };
    }
  }
}

const among = (values: unknown[]): object => (values.length === 1 ? { value: values[0] } : { any: values });
