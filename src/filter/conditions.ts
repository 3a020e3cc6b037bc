// Conditions as both written forms make them: which tests a key allows, and the limits that keep a filter's cost small.

import { invalid } from '../errors/error.ts';
import { type Filter, type Range, type Scalar, type Test, wordsOf } from './filter.ts';

export const FILTER_LIMITS = {
  /** Groups inside groups. */
  depth: 16,
  conditions: 256,
  /** Values of all lists together. */
  values: 10_000,
} as const;

/** Makes the conditions of one filter and counts them. `at` is the place that an error names. */
export class Conditions {
  #conditions = 0;
  #values = 0;

  checkDepth(depth: number, at: string): void {
    if (depth > FILTER_LIMITS.depth) {
      throw invalid(at, `at most ${FILTER_LIMITS.depth} groups inside each other`, 'more');
    }
  }

  in(key: string, values: readonly unknown[], at: string): Filter {
    if (key !== 'group') return this.#test(key, { op: 'in', values: this.#scalars(values, at) }, at);
    this.#count(at);
    return { kind: 'group', values: this.#texts(values, at) };
  }

  outside(key: string, values: readonly unknown[], at: string): Filter {
    // An item has one group, so some value outside is none inside.
    if (key === 'group') return { kind: 'not', of: this.in(key, values, at) };
    return this.#test(key, { op: 'outside', values: this.#scalars(values, at) }, at);
  }

  ids(values: readonly unknown[], at: string): Filter {
    this.#count(at);
    return { kind: 'id', values: this.#texts(values, at) };
  }

  text(key: string, text: unknown, at: string): Filter {
    const words = typeof text === 'string' ? wordsOf(text) : [];
    if (words.length === 0) throw invalid(at, 'a text with at least one word', text);
    return this.#test(key, { op: 'text', words }, at);
  }

  range(key: string, range: Range, at: string): Filter {
    const bounds = Object.entries(range).filter(([, bound]) => bound !== undefined);
    if (bounds.length === 0) throw invalid(at, 'at least one of gt, gte, lt, lte', range);
    for (const [name, bound] of bounds) {
      const usable = typeof bound === 'string' || (typeof bound === 'number' && Number.isFinite(bound));
      if (!usable) throw invalid(`${at}.${name}`, 'a finite number or a string', bound);
      if (typeof bound !== typeof bounds[0]![1]) throw invalid(at, 'bounds of one type', range);
    }
    return this.#test(key, { op: 'range', ...range }, at);
  }

  empty(key: string, at: string): Filter {
    return this.#test(key, { op: 'empty' }, at);
  }

  #test(key: string, test: Test, at: string): Filter {
    this.#count(at);
    if (key === 'group') throw invalid(at, 'a match by value, any or except for "group"', test.op);
    return { kind: 'test', key, test };
  }

  #count(at: string): void {
    if (++this.#conditions > FILTER_LIMITS.conditions) {
      throw invalid(at, `at most ${FILTER_LIMITS.conditions} conditions in a filter`, 'more');
    }
  }

  #scalars(values: readonly unknown[], at: string): Set<Scalar> {
    this.#values += values.length;
    if (this.#values > FILTER_LIMITS.values) {
      throw invalid(at, `at most ${FILTER_LIMITS.values} values in a filter`, 'more');
    }
    const wrong = values.findIndex(
      (value) => typeof value !== 'string' && typeof value !== 'boolean' && !Number.isFinite(value),
    );
    if (wrong >= 0) throw invalid(at, 'strings, finite numbers, true or false', values[wrong]);
    return new Set(values as Scalar[]);
  }

  #texts(values: readonly unknown[], at: string): Set<string> {
    const wrong = values.findIndex((value) => typeof value !== 'string');
    if (wrong >= 0) throw invalid(at, 'strings', values[wrong]);
    return this.#scalars(values, at) as Set<string>;
  }
}
