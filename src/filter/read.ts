// Reading a filter in either written form, and the rules both share: what a condition may say, and how much of it.

import { invalid } from '../errors/error.ts';
import { readExpression } from './expression.ts';
import type { Filter } from './filter.ts';
import { type FilterObject, readObject } from './json.ts';

/** Qdrant's object, or an expression: `brand = "x" AND price < 100 AND tags IN ["red"]`. */
export type FilterInput = string | FilterObject;

/** Throws `invalid_argument` or `unknown_option`, naming the place under `filter`. */
export function readFilter(input: FilterInput): Filter {
  if (typeof input === 'string') return readExpression(input);
  if (input === null || typeof input !== 'object' || Array.isArray(input)) {
    throw invalid('filter', 'an object with must, should or must_not, or an expression', input);
  }
  return readObject(input);
}
