// One small integer per row, 0 where nothing was set: a flat array, or a map while few rows have one (a catalogue may have
// thousands of attributes that a handful of items use).

import { wordsIn } from './mask.ts';

/** A map's entry takes some ten times the four bytes of a row. */
const SPARSE_SHARE = 16;
const SPARSE_MOST = 64;

export class Codes {
  #dense: Uint32Array | undefined;
  #sparse = new Map<number, number>();

  get(row: number): number {
    return (this.#dense ? this.#dense[row] : this.#sparse.get(row)) ?? 0;
  }

  /** `rows` is how many there are by now, `row` among them. */
  set(row: number, code: number, rows: number): void {
    if (this.#dense) {
      if (row >= this.#dense.length) this.#dense = widened(this.#dense, rows);
      this.#dense[row] = code;
      return;
    }
    if (code === 0) this.#sparse.delete(row);
    else this.#sparse.set(row, code);
    if (this.#sparse.size > Math.max(SPARSE_MOST, rows / SPARSE_SHARE)) {
      this.#dense = widened(new Uint32Array(0), rows);
      for (const [at, value] of this.#sparse) this.#dense[at] = value;
      this.#sparse.clear();
    }
  }

  /** Adds to `counts` (by code) the rows with a 1 in `mask`; those without a code are not counted. */
  count(mask: Uint8Array, counts: Uint32Array): void {
    if (this.#dense) {
      const rows = Math.min(this.#dense.length, mask.length);
      for (let row = 0; row < rows; row++) counts[this.#dense[row]!]! += mask[row]!;
      counts[0] = 0;
      return;
    }
    for (const [row, code] of this.#sparse) counts[code]! += mask[row]!;
  }

  /** Clears the bytes of `mask` (one a row) whose row's code has a 0 in `table`; `few` where few are set. */
  narrow(mask: Uint8Array, table: Uint8Array, few: boolean): void {
    if (this.#dense) {
      const set = Math.min(this.#dense.length, mask.length);
      if (few) lookUpSome(mask, this.#dense, table, set);
      else lookUpAll(mask, this.#dense, table, set);
      if (table[0] === 0) mask.fill(0, set);
    } else if (table[0] === 1) {
      for (const [row, code] of this.#sparse) mask[row]! &= table[code]!;
    } else {
      const kept = [...this.#sparse].filter(([row, code]) => table[code] === 1 && mask[row] === 1);
      mask.fill(0);
      for (const [row] of kept) mask[row] = 1;
    }
  }

  /** Row r becomes the number of 1s in `live` before r; the rest is forgotten. */
  squeeze(live: Uint8Array, rows: number): void {
    const old = new Codes();
    old.#dense = this.#dense;
    old.#sparse = this.#sparse;
    this.#sparse = new Map();
    if (this.#dense) this.#dense = new Uint32Array(rows);
    let to = 0;
    for (let row = 0; row < rows; row++) {
      if (live[row] === 0) continue;
      const code = old.get(row);
      if (this.#dense) this.#dense[to] = code;
      else if (code !== 0) this.#sparse.set(to, code);
      to++;
    }
  }

  /** Every code becomes `to[code]`. */
  recode(to: Uint32Array): void {
    if (this.#dense)
      for (let row = 0; row < this.#dense.length; row++) this.#dense[row] = to[this.#dense[row]!]!;
    for (const [row, code] of this.#sparse) this.#sparse.set(row, to[code]!);
  }
}

// The loops that a filter's time goes into: functions of their own, as the compiler likes them.

function lookUpAll(mask: Uint8Array, codes: Uint32Array, table: Uint8Array, rows: number): void {
  // Four at a time take half as long.
  const words = wordsIn(mask.subarray(0, rows)).words;
  for (let i = 0; i < words.length; i++) {
    const row = 4 * i;
    words[i]! &=
      table[codes[row]!]! |
      (table[codes[row + 1]!]! << 8) |
      (table[codes[row + 2]!]! << 16) |
      (table[codes[row + 3]!]! << 24);
  }
  for (let row = 4 * words.length; row < rows; row++) mask[row]! &= table[codes[row]!]!;
}

function lookUpSome(mask: Uint8Array, codes: Uint32Array, table: Uint8Array, rows: number): void {
  for (let row = 0; row < rows; row++) if (mask[row] === 1) mask[row] = table[codes[row]!]!;
}

function widened(codes: Uint32Array, rows: number): Uint32Array {
  const wide = new Uint32Array(Math.ceil(rows * 1.25) + 64);
  wide.set(codes);
  return wide;
}
