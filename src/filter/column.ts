// One attribute, or the tags, of all rows: a dictionary of the distinct values and a code per row. A test is made once per
// distinct value. Which rows live is not known here.

import { Codes } from './codes.ts';
import { passes, type Range, type Scalar, type Test, type Value } from './filter.ts';

/** Tables kept of tests that look at every distinct value one by one. */
const KEPT = 16;
/** Dictionaries below this size are not worth rebuilding. */
const SMALL = 64;

export class Column {
  /** By code. Code 0 stands for no value. */
  #values: (Value | undefined)[] = [undefined];
  /** Rows with each code; not kept for code 0. */
  #uses = new Uint32Array(SMALL);
  /** By code: the value where it is a number, else NaN, for ranges. */
  #numbers = new Float64Array(SMALL).fill(Number.NaN);
  /** Of scalars the value, of lists their JSON text. */
  #codeOf = new Map<Scalar, number>();
  /** Of lists: the codes of those that have an element. */
  #codesWith = new Map<Scalar, number[]>();
  readonly #codes = new Codes();
  #used = 0;
  /** Codes that no row has any more. */
  #unused = 0;
  readonly #tables = new Map<string, Uint8Array>();

  /** Rows that have a value. */
  get used(): number {
    return this.#used;
  }

  /** An empty list is no value. `rows` is how many there are by now. */
  set(row: number, value: Value | undefined, rows: number): void {
    const some = typeof value === 'object' && value.length === 0 ? undefined : value;
    const old = this.#codes.get(row);
    const code = some === undefined ? 0 : this.#code(some);
    if (code === old) return;
    this.#codes.set(row, code, rows);
    if (code !== 0 && this.#uses[code]!++ === 0) this.#unused--;
    if (old !== 0 && --this.#uses[old]! === 0) this.#unused++;
    this.#used += (code === 0 ? 0 : 1) - (old === 0 ? 0 : 1);
    if (this.#unused > SMALL && 2 * this.#unused > this.#values.length) this.#rebuild();
  }

  /** Of one row; undefined where it has none. */
  value(row: number): Value | undefined {
    return this.#values[this.#codes.get(row)];
  }

  /** How many rows of `mask` have each value; a row counts once for each different element of a list. */
  counts(mask: Uint8Array): Map<Scalar, number> {
    const byCode = new Uint32Array(this.#values.length);
    this.#codes.count(mask, byCode);
    const counts = new Map<Scalar, number>();
    for (let code = 1; code < byCode.length; code++) {
      if (byCode[code] === 0) continue;
      const value = this.#values[code]!;
      for (const one of typeof value === 'object' ? new Set(value) : [value]) {
        counts.set(one, (counts.get(one) ?? 0) + byCode[code]!);
      }
    }
    return counts;
  }

  /** One byte per code: 1 where its value passes, or does not, as `keep` says. And how many rows with a value that is. */
  table(test: Test, keep: boolean): { table: Uint8Array; rows: number } {
    const passing = this.#tableOf(test);
    const table = keep ? passing : passing.map((one) => 1 - one);
    return { table, rows: rowsOf(table, this.#uses) };
  }

  narrow(mask: Uint8Array, table: Uint8Array, few: boolean): void {
    this.#codes.narrow(mask, table, few);
  }

  squeeze(live: Uint8Array, rows: number): void {
    this.#codes.squeeze(live, rows);
  }

  #code(value: Value): number {
    const key = typeof value === 'object' ? JSON.stringify(value) : value;
    const known = this.#codeOf.get(key);
    if (known !== undefined) return known;
    const code = this.#values.length;
    this.#codeOf.set(key, code);
    this.#values.push(value);
    this.#unused++;
    if (code === this.#numbers.length) {
      const numbers = new Float64Array(2 * code).fill(Number.NaN);
      const uses = new Uint32Array(2 * code);
      numbers.set(this.#numbers);
      uses.set(this.#uses);
      this.#numbers = numbers;
      this.#uses = uses;
    }
    if (typeof value === 'number') this.#numbers[code] = value;
    if (typeof value === 'object') {
      for (const element of new Set(value)) {
        const codes = this.#codesWith.get(element);
        if (codes) codes.push(code);
        else this.#codesWith.set(element, [code]);
      }
    }
    return code;
  }

  #tableOf(test: Test): Uint8Array {
    const table = new Uint8Array(this.#values.length);
    if (test.op === 'empty') {
      table[0] = 1;
    } else if (test.op === 'in') {
      for (const value of test.values) {
        const code = typeof this.#values[1] === 'object' ? undefined : this.#codeOf.get(value);
        if (code !== undefined) table[code] = 1;
        for (const one of this.#codesWith.get(value) ?? []) table[one] = 1;
      }
    } else if (test.op === 'range' && typeof (test.gt ?? test.gte ?? test.lt ?? test.lte) === 'number') {
      markRange(this.#numbers, test, table);
    } else {
      return this.#oneByOne(test);
    }
    return table;
  }

  /** Kept for the next time, and extended by the values that came since. */
  #oneByOne(test: Test): Uint8Array {
    const values = test.op === 'outside' ? [...test.values] : undefined;
    const key = JSON.stringify([test, values]);
    const known = this.#tables.get(key) ?? new Uint8Array(0);
    const table = new Uint8Array(this.#values.length);
    table.set(known);
    for (let code = known.length; code < table.length; code++) {
      table[code] = passes(test, this.#values[code]) ? 1 : 0;
    }
    this.#tables.delete(key);
    this.#tables.set(key, table);
    if (this.#tables.size > KEPT) this.#tables.delete(this.#tables.keys().next().value!);
    return table;
  }

  /** Without the values that no row has. */
  #rebuild(): void {
    const values = this.#values;
    const uses = this.#uses;
    this.#values = [undefined];
    this.#uses = new Uint32Array(SMALL);
    this.#numbers = new Float64Array(SMALL).fill(Number.NaN);
    this.#codeOf = new Map();
    this.#codesWith = new Map();
    this.#tables.clear();
    const to = new Uint32Array(values.length);
    for (let code = 1; code < values.length; code++) {
      if (uses[code] === 0) continue;
      to[code] = this.#code(values[code]!);
      this.#uses[to[code]!] = uses[code]!;
    }
    this.#unused = 0;
    this.#codes.recode(to);
  }
}

function rowsOf(table: Uint8Array, uses: Uint32Array): number {
  let rows = 0;
  for (let code = 1; code < table.length; code++) rows += -table[code]! & uses[code]!;
  return rows;
}

/** NaN is in no range. Without branches: values come in any order, and a processor would guess wrong at every other. */
function markRange(numbers: Float64Array, range: Range, table: Uint8Array): void {
  const {
    gt = -Infinity,
    gte = -Infinity,
    lt = Infinity,
    lte = Infinity,
  } = range as Record<keyof Range, number>;
  for (let code = 1; code < table.length; code++) {
    const value = numbers[code]!;
    // Attributes are finite, so an infinite bound is none.
    table[code] = Number(value > gt) & Number(value >= gte) & Number(value < lt) & Number(value <= lte);
  }
}
