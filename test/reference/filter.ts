// Naive filters: Qdrant's object read condition by condition against one item, with no knowledge of columns or masks.
// And arbitrary filters and items to try it on, in both written forms.

import fc from 'fast-check';
import type { Condition, FilterObject, Match } from '../../src/filter/json.ts';

export interface FilteredItem {
  readonly id: string;
  readonly group: string;
  readonly tags: readonly string[];
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}

export function naivePasses(filter: FilterObject, item: FilteredItem): boolean {
  const list = (clause: keyof FilterObject): Condition[] => [filter[clause] ?? []].flat() as Condition[];
  const should = list('should');
  return (
    list('must').every((one) => holds(one, item)) &&
    (should.length === 0 || should.some((one) => holds(one, item))) &&
    !list('must_not').some((one) => holds(one, item))
  );
}

function holds(condition: Condition, item: FilteredItem): boolean {
  if ('has_id' in condition) return condition.has_id.includes(item.id);
  if ('is_null' in condition) return valuesOf(condition.is_null.key, item).length === 0;
  if ('is_empty' in condition) return valuesOf(condition.is_empty.key, item).length === 0;
  if (!('key' in condition)) return naivePasses(condition, item);
  const values = valuesOf(condition.key, item);
  if ('match' in condition) return values.some((value) => matches(condition.match, value));
  const { gt, gte, lt, lte } = condition.range;
  const under = (a: unknown, b: unknown) => typeof a === typeof b && (a as number) < (b as number);
  return values.some(
    (value) =>
      (gt === undefined || under(gt, value)) &&
      (gte === undefined || under(gte, value) || gte === value) &&
      (lt === undefined || under(value, lt)) &&
      (lte === undefined || under(value, lte) || lte === value),
  );
}

function matches(match: Match, value: unknown): boolean {
  if ('value' in match) return match.value === value;
  if ('any' in match) return match.any.some((one) => one === value);
  if ('except' in match) return !match.except.some((one) => one === value);
  const words = (text: string) =>
    text
      .toLowerCase()
      .split(/[^a-z0-9é]+/)
      .filter(Boolean);
  return typeof value === 'string' && words(match.text).every((word) => words(value).includes(word));
}

function valuesOf(key: string, item: FilteredItem): readonly unknown[] {
  if (key === 'tags') return item.tags;
  if (key === 'group') return [item.group];
  return Object.hasOwn(item.attributes, key) ? [item.attributes[key]] : [];
}

/** Small pools, so that values meet: numbers that are also texts, texts of several words, quotes, a key that is a keyword. */
const TEXTS = ['red', 'Red chair', 'chair', '5', 'a "b" \\ \'c\'', 'Café 5', '', '2026-01-02', '2026-01-10'];
const scalar = fc.oneof(fc.constantFrom(...TEXTS), fc.constantFrom(-1, 0, 5, 5.5, 100, 1e-7), fc.boolean());
const KEYS = ['brand', 'price', 'in', 'my key', 'constructor', 'nobody'];
const key = fc.constantFrom('tags', ...KEYS);
const id = fc.constantFrom('i0', 'i1', 'i2', 'i30', 'nobody');
const group = fc.constantFrom('g0', 'g1', 'nobody');

export const metadata = fc.record({
  group,
  tags: fc.array(fc.constantFrom('red', 'blue', 'Red chair', '5'), { maxLength: 3 }),
  attributes: fc
    .array(fc.tuple(fc.constantFrom(...KEYS.slice(0, -1)), scalar), { maxLength: 4 })
    .map((entries) => Object.fromEntries(entries)),
});

const bound = fc.oneof(fc.constantFrom(-1, 0, 5, 5.5, 100), fc.constantFrom('2026-01-02', 'chair', 'red'));
const range = fc
  .tuple(fc.constantFrom('gt', 'gte', 'lt', 'lte'), bound)
  .map(([name, value]) => ({ [name]: value }));
const interval = fc.constantFrom(
  { gte: 0, lte: 5.5 },
  { gt: 0, lt: 100 },
  { gt: '2026-01-01', lte: '2026-01-02' },
);
const values = fc.array(scalar, { maxLength: 3 });

const leaf: fc.Arbitrary<Condition> = fc.oneof(
  fc.tuple(key, scalar).map(([key, value]) => ({ key, match: { value } })),
  fc.tuple(key, values).map(([key, any]) => ({ key, match: { any } })),
  fc.tuple(key, values).map(([key, except]) => ({ key, match: { except } })),
  fc.tuple(key, fc.constantFrom('red', 'CHAIR red', 'café')).map(([key, text]) => ({ key, match: { text } })),
  fc.tuple(key, fc.oneof(range, interval)).map(([key, range]) => ({ key, range })),
  key.map((key) => ({ is_null: { key } })),
  key.map((key) => ({ is_empty: { key } })),
  fc.array(id, { maxLength: 3 }).map((has_id) => ({ has_id })),
  fc.array(group, { maxLength: 2 }).map((any) => ({ key: 'group', match: { any } })),
  fc.array(group, { maxLength: 2 }).map((except) => ({ key: 'group', match: { except } })),
);

/** A group inside a filter says something. */
const nested = (filter: fc.Arbitrary<FilterObject>) => filter.filter((one) => Object.keys(one).length > 0);

export const filterObject: fc.Arbitrary<FilterObject> = fc.letrec<{
  filter: FilterObject;
  condition: Condition;
}>((tie) => ({
  filter: fc.record(
    {
      must: fc.oneof(tie('condition'), fc.array(tie('condition'), { maxLength: 3 })),
      should: fc.array(tie('condition'), { maxLength: 3 }),
      must_not: fc.array(tie('condition'), { maxLength: 2 }),
    },
    { requiredKeys: [] },
  ),
  condition: fc.oneof(
    { maxDepth: 3 },
    { weight: 4, arbitrary: leaf },
    { weight: 1, arbitrary: nested(tie('filter')) },
  ),
})).filter;

/** The same filter as an expression; undefined where it has none (an empty group). */
export function asExpression(filter: FilterObject): string | undefined {
  const list = (clause: keyof FilterObject) =>
    ([filter[clause] ?? []].flat() as Condition[]).map((one) => conditionExpression(one));
  const should = list('should');
  const parts = [
    ...list('must'),
    ...(should.length > 0 ? [should.includes(undefined) ? undefined : `(${should.join(' or ')})`] : []),
    ...list('must_not').map((one) => one && `NOT (${one})`),
  ];
  return parts.length === 0 || parts.includes(undefined) ? undefined : parts.join(' AND ');
}

function conditionExpression(condition: Condition): string | undefined {
  const value = (one: unknown) =>
    typeof one === 'string' ? `"${one.replace(/["\\]/g, '\\$&')}"` : String(one);
  const list = (all: readonly unknown[]) => `[${all.map(value).join(', ')}]`;
  if ('has_id' in condition) return `has_id IN ${list(condition.has_id)}`;
  if ('is_null' in condition) return `\`${condition.is_null.key}\` IS NULL`;
  if ('is_empty' in condition) return `\`${condition.is_empty.key}\` is empty`;
  if (!('key' in condition)) {
    const inner = asExpression(condition);
    return inner && `(${inner})`;
  }
  const name = `\`${condition.key}\``;
  if ('range' in condition) {
    const signs = { gt: '>', gte: '>=', lt: '<', lte: '<=' };
    const { gte, lte } = condition.range;
    if (gte !== undefined && lte !== undefined) return `${name} ${value(gte)} TO ${value(lte)}`;
    const bounds = Object.entries(condition.range);
    return bounds.map(([bound, one]) => `${name} ${signs[bound as 'gt']} ${value(one)}`).join(' AND ');
  }
  const { match } = condition;
  if ('value' in match) return `${name} = ${value(match.value)}`;
  if ('any' in match) return `${name} IN ${list(match.any)}`;
  if ('text' in match) return `${name} CONTAINS ${value(match.text)}`;
  if (condition.key === 'group') return `group NOT IN ${list(match.except)}`;
  // Only where an item has at most one value is "some value is none of these" to be said without `except`.
  return condition.key === 'tags'
    ? undefined
    : `(${name} NOT IN ${list(match.except)} AND ${name} IS NOT NULL)`;
}
