// Filters as Qdrant writes them: must, should, must_not, and the conditions in them.

import { invalid, refuseUnknown } from '../errors/error.ts';
import { Conditions } from './conditions.ts';
import type { Filter, Range, Scalar } from './filter.ts';

export interface FilterObject {
  /** All of these. */
  readonly must?: Condition | readonly Condition[];
  /** At least one of these; an empty list asks for nothing. */
  readonly should?: Condition | readonly Condition[];
  /** None of these. */
  readonly must_not?: Condition | readonly Condition[];
}

export type Condition =
  | FilterObject
  | { readonly key: string; readonly match: Match }
  | { readonly key: string; readonly range: Range }
  /** The item has no such attribute, or no tags: an attribute is never null, so both names mean this. */
  | { readonly is_null: { readonly key: string } }
  | { readonly is_empty: { readonly key: string } }
  | { readonly has_id: readonly string[] };

export type Match =
  | { readonly value: Scalar }
  | { readonly any: readonly Scalar[] }
  | { readonly except: readonly Scalar[] }
  | { readonly text: string };

const CLAUSES = ['must', 'should', 'must_not'] as const;
/** What makes an object a condition. */
const CONDITIONS = ['key', 'is_null', 'is_empty', 'has_id'] as const;
const KINDS =
  'a condition: {key, match}, {key, range}, {is_null}, {is_empty}, {has_id} or {must, should, must_not}';

/** Whether there is no condition in it, however deep, so that it keeps everything. What is no filter is left to `readObject`. */
export function isEmpty(input: object): boolean {
  return Object.entries(input).every(([clause, given]) => {
    if (!CLAUSES.some((one) => one === clause)) return false;
    return [given].flat().every((one: unknown) => typeof one === 'object' && one !== null && isEmpty(one));
  });
}

export function readObject(input: FilterObject): Filter {
  if (CONDITIONS.some((name) => Object.hasOwn(input, name))) {
    throw invalid(
      'filter',
      'must, should or must_not, with conditions in a list: {"must": [...]}',
      'a condition alone',
    );
  }
  return readClauses(new Conditions(), input, 'filter', 1);
}

function readClauses(conditions: Conditions, input: object, at: string, depth: number): Filter {
  conditions.checkDepth(depth, at);
  refuseUnknown(input, CLAUSES, at);
  const of: Filter[] = [];
  for (const clause of CLAUSES) {
    const given = (input as Record<string, unknown>)[clause];
    if (given === undefined) continue;
    const list = Array.isArray(given) ? given : [given];
    const read = list.map((one, i) => {
      const place = Array.isArray(given) ? `${at}.${clause}[${i}]` : `${at}.${clause}`;
      return readCondition(conditions, one, place, depth);
    });
    if (clause === 'must') of.push(...read);
    else if (read.length > 0) {
      const any: Filter = { kind: 'any', of: read };
      of.push(clause === 'should' ? any : { kind: 'not', of: any });
    }
  }
  return { kind: 'all', of };
}

function readCondition(conditions: Conditions, input: unknown, at: string, depth: number): Filter {
  const given = objectAt(input, at, KINDS);
  if ('key' in given) {
    refuseUnknown(given, ['key', 'match', 'range'], at);
    const key = keyAt(given.key, `${at}.key`);
    if ('match' in given === 'range' in given) throw invalid(at, 'exactly one of match and range', given);
    return 'match' in given
      ? readMatch(conditions, key, given.match, `${at}.match`)
      : readRange(conditions, key, given.range, `${at}.range`);
  }
  for (const name of ['is_null', 'is_empty']) {
    if (!(name in given)) continue;
    refuseUnknown(given, [name], at);
    const place = `${at}.${name}`;
    const field = objectAt(given[name], place, '{"key": "..."}');
    refuseUnknown(field, ['key'], place);
    return conditions.empty(keyAt(field.key, `${place}.key`), place);
  }
  if ('has_id' in given) {
    refuseUnknown(given, ['has_id'], at);
    return conditions.ids(listAt(given.has_id, `${at}.has_id`), `${at}.has_id`);
  }
  if (!CLAUSES.some((clause) => clause in given)) throw invalid(at, KINDS, given);
  return readClauses(conditions, given, at, depth + 1);
}

function readMatch(conditions: Conditions, key: string, input: unknown, at: string): Filter {
  const one = 'exactly one of value, any, except and text';
  const given = objectAt(input, at, one);
  refuseUnknown(given, ['value', 'any', 'except', 'text'], at);
  const [name, ...more] = Object.keys(given);
  if (name === undefined || more.length > 0) throw invalid(at, one, given);
  const place = `${at}.${name}`;
  if (name === 'value') return conditions.in(key, [given.value], place);
  if (name === 'text') return conditions.text(key, given.text, place);
  const list = listAt(given[name], place);
  return name === 'any' ? conditions.in(key, list, place) : conditions.outside(key, list, place);
}

function readRange(conditions: Conditions, key: string, input: unknown, at: string): Filter {
  const given = objectAt(input, at, 'an object of gt, gte, lt, lte');
  refuseUnknown(given, ['gt', 'gte', 'lt', 'lte'], at);
  // Qdrant's clients write the bounds they do not use as null.
  const range = Object.fromEntries(Object.entries(given).filter(([, bound]) => bound !== null));
  return conditions.range(key, range, at);
}

function objectAt(value: unknown, at: string, expected: string): Record<string, unknown> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw invalid(at, expected, value);
  return value as Record<string, unknown>;
}

function listAt(value: unknown, at: string): unknown[] {
  if (!Array.isArray(value)) throw invalid(at, 'an array', value);
  return value;
}

function keyAt(value: unknown, at: string): string {
  if (typeof value !== 'string' || value === '')
    throw invalid(at, 'the name of an attribute, "tags" or "group"', value);
  return value;
}
