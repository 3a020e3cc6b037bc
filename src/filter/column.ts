// One attribute, or the tags, of all rows: a code per row, and what the codes stand for in a dictionary. A test is made once per
// distinct value. Which rows live is not known here.

import type { Bits } from '../math/bits.ts';
import { boundsOf } from './bounds.ts';
import { Codes } from './codes.ts';
import { Dictionary } from './dictionary.ts';
import type { Kept, Scalar, Test, Turns, Value } from './filter.ts';

export class Column {
  readonly #codes = new Codes();
  #dictionary = new Dictionary();

  /** Rows that have a value. */
  get used(): number {
    return this.#dictionary.used;
  }

  get types(): ReadonlySet<string> {
    return this.#dictionary.types;
  }

  /** An empty list is no value. `rows` is how many there are by now. */
  set(row: number, value: Value | undefined, rows: number): void {
    const some = typeof value === 'object' && value.length === 0 ? undefined : value;
    const old = this.#codes.get(row);
    const code = some === undefined ? 0 : this.#dictionary.code(some);
    if (code === old) return;
    this.#codes.set(row, code, rows);
    this.#dictionary.moved(old, code);
    if (!this.#dictionary.wasteful) return;
    const { dictionary, to } = this.#dictionary.rebuilt();
    this.#dictionary = dictionary;
    this.#codes.recode(to);
  }

  /** Of one row; undefined where it has none. */
  value(row: number): Value | undefined {
    return this.#dictionary.value(this.#codes.get(row));
  }

  passes(test: Test, row: number): boolean {
    return this.#dictionary.passes(test, this.#codes.get(row));
  }

  /** How many rows of `mask` have each value; a row counts once for each different element of a list. */
  counts(mask: Bits): Map<Scalar, number> {
    const byCode = new Uint32Array(this.#dictionary.size);
    this.#codes.count(mask, byCode);
    const counts = new Map<Scalar, number>();
    for (let code = 1; code < byCode.length; code++) {
      if (byCode[code] === 0) continue;
      const value = this.#dictionary.value(code)!;
      for (const one of typeof value === 'object' ? new Set(value) : [value]) {
        counts.set(one, (counts.get(one) ?? 0) + byCode[code]!);
      }
    }
    return counts;
  }

  /** Distinct values, and none at all. */
  get codes(): number {
    return this.#dictionary.size;
  }

  prepare(test: Test, turns: Turns): Promise<void> | undefined {
    return this.#dictionary.prepare(test, turns);
  }

  /** Removes the rows from `mask` that some test does not keep. `table`, `other`: a byte per code, to be written to. */
  narrow(options: { mask: Bits; tests: readonly Kept[]; table: Buffer; other: Buffer; rows: number }): void {
    const { mask, tests, table, other, rows } = options;
    let tables = 0;
    for (const { test, keep } of tests) {
      const bounds = boundsOf(test);
      // Where about every row has its own number, a table of them would only be one step more.
      if (bounds && 2 * this.codes > rows && this.#codes.dense) {
        this.#codes.narrowWithin(mask, this.#dictionary.numbers, bounds, keep);
      } else {
        this.#dictionary.passing(test, keep, tables === 0 ? table : other);
        if (tables++ > 0) retain(table, other);
      }
    }
    if (tables === 0 || !table.includes(0)) return;
    if (table.includes(1)) this.#codes.narrow(mask, table);
    else mask.clear();
  }

  squeeze(live: Bits, rows: number): void {
    this.#codes.squeeze(live, rows);
  }
}

/** A 0 wherever either has one. */
function retain(table: Uint8Array, other: Uint8Array): void {
  for (let code = 0; code < table.length; code++) table[code]! &= other[code]!;
}
