// The metadata of all rows in memory, in the row order of the index. Which rows a filter keeps is selection.ts.

import type { Bits } from '../math/bits.ts';
import { Column } from './column.ts';
import {
  type Filter,
  type Kept,
  passes,
  type Scalar,
  type Test,
  type Turns,
  testsOf,
  type Value,
} from './filter.ts';

/** Distinct values that are tested, or rows that are looked up, in the time in which one row is tested by itself, and to spare. */
const STEPS_PER_ROW = 64;

export interface Metadata {
  readonly tags: readonly string[];
  readonly attributes: Readonly<Record<string, Value>>;
}

export class Columns {
  readonly #tags = new Column();
  readonly #attributes = new Map<string, Column>();
  #rows = 0;
  /** What every test writes to: fresh ones would be most of what is collected. */
  #tables = Buffer.alloc(0);

  get rows(): number {
    return this.#rows;
  }

  /** The next row. */
  push(metadata: Metadata): void {
    this.#rows++;
    this.set(this.#rows - 1, metadata);
  }

  set(row: number, { tags, attributes }: Metadata): void {
    this.#tags.set(row, tags, this.#rows);
    for (const [name, column] of this.#attributes) {
      if (Object.hasOwn(attributes, name)) continue;
      column.set(row, undefined, this.#rows);
      if (column.used === 0) this.#attributes.delete(name);
    }
    for (const [name, value] of Object.entries(attributes)) {
      const column = this.#attributes.get(name) ?? new Column();
      this.#attributes.set(name, column);
      column.set(row, value, this.#rows);
    }
  }

  /** Of a row that is removed: it stays until `squeeze`. */
  clear(row: number): void {
    this.set(row, { tags: [], attributes: {} });
  }

  /** Row r becomes the number of rows in `live` before r, where it is one; the others were cleared. */
  squeeze(live: Bits): void {
    for (const column of [this.#tags, ...this.#attributes.values()]) column.squeeze(live, this.#rows);
    this.#rows = live.count();
  }

  /** The names of the attributes that some row has. */
  get attributes(): Iterable<string> {
    return this.#attributes.keys();
  }

  /** The value of `tags` or of an attribute in a row. */
  value(key: string, row: number): Value | undefined {
    return this.#column(key)?.value(row);
  }

  /** How many rows of `mask` have each value of `tags` or of an attribute. */
  counts(key: string, mask: Bits): Map<Scalar, number> {
    return this.#column(key)?.counts(mask) ?? new Map();
  }

  /** Whether a row passes. */
  passes(key: string, test: Test, row: number): boolean {
    return this.#column(key)?.passes(test, row) ?? passes(test, undefined);
  }

  /** How many different values there are, and none at all. */
  distinct(key: string): number {
    return this.#column(key)?.codes ?? 0;
  }

  /** Whether some row has a value of `tags` or of an attribute. */
  has(key: string): boolean {
    return this.#column(key) !== undefined;
  }

  /** Of the values of `tags` or of an attribute: `string`, `number`, `boolean`. */
  types(key: string): ReadonlySet<string> {
    return this.#column(key)?.types ?? new Set();
  }

  /** Makes what texts are looked up in, where a test is the first to need it; else `narrow` makes it in one go. */
  async prepare(filter: Filter, turns: Turns): Promise<void> {
    for (const { key, test } of testsOf(filter)) await this.#column(key)?.prepare(test, turns);
  }

  /** Removes the rows from `mask` that some test does not keep. */
  narrow(mask: Bits, key: string, tests: readonly Kept[]): void {
    const column = this.#column(key);
    if (!column) {
      if (tests.some(({ test, keep }) => passes(test, undefined) !== keep)) mask.clear();
    } else if (STEPS_PER_ROW * mask.count() < column.codes + this.#rows) {
      for (let row = mask.next(0); row >= 0; row = mask.next(row + 1)) {
        if (tests.some(({ test, keep }) => column.passes(test, row) !== keep)) mask.delete(row);
      }
    } else {
      const { codes } = column;
      if (this.#tables.length < 2 * codes) this.#tables = Buffer.alloc(3 * codes);
      const [table, other] = [this.#tables.subarray(0, codes), this.#tables.subarray(codes, 2 * codes)];
      column.narrow({ mask, tests, table, other, rows: this.#rows });
    }
  }

  #column(key: string): Column | undefined {
    return key === 'tags' ? this.#tags : this.#attributes.get(key);
  }
}
