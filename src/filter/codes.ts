// One small integer per row, 0 where nothing was set: a flat array, or a map while few rows have one (a catalogue may have
// thousands of attributes that a handful of items use).

import type { Bits } from '../math/bits.ts';

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

  /** Adds to `counts` (by code) the rows in `mask`; those without a code are not counted. */
  count(mask: Bits, counts: Uint32Array): void {
    if (this.#dense) {
      countAll(mask.words, this.#dense, counts);
      counts[0] = 0;
      return;
    }
    for (const [row, code] of this.#sparse) if (mask.has(row)) counts[code]!++;
  }

  /** Removes the rows from `mask` whose code has a 0 in `table`. */
  narrow(mask: Bits, table: Uint8Array): void {
    if (this.#dense) {
      lookUpAll(mask.words, this.#dense, table);
    } else if (table[0] === 1) {
      for (const [row, code] of this.#sparse) if (table[code] === 0) mask.delete(row);
    } else {
      mask.retain([...this.#sparse.keys()].filter((row) => table[this.#sparse.get(row)!] === 1));
    }
  }

  /** Whether `narrowWithin` may be asked. */
  get dense(): boolean {
    return this.#dense !== undefined;
  }

  /** Removes the rows from `mask` whose code's number is not from `low` to `high`, or is where `keep` is false. */
  narrowWithin(
    mask: Bits,
    numbers: Float64Array,
    [low, high]: readonly [number, number],
    keep: boolean,
  ): void {
    compareAll({ words: mask.words, codes: this.#dense!, numbers, low, high, no: Number(keep) - 1 });
  }

  /** Row r becomes the number of rows in `live` before r; the rest is forgotten. */
  squeeze(live: Bits, rows: number): void {
    const old = new Codes();
    old.#dense = this.#dense;
    old.#sparse = this.#sparse;
    this.#sparse = new Map();
    if (this.#dense) this.#dense = widened(new Uint32Array(0), rows);
    let to = 0;
    for (let row = 0; row < rows; row++) {
      if (!live.has(row)) continue;
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

// The loops that a filter's time goes into: functions of their own, as the compiler likes them. A word of a mask has 32 rows.

function lookUpAll(words: Int32Array, codes: Uint32Array, table: Uint8Array): void {
  const coded = Math.min(words.length, codes.length / 32);
  for (let i = 0; i < coded; i++) {
    // What other conditions left is often nothing.
    if (words[i] === 0) continue;
    let kept = 0;
    // From the last eight to the first: shifts by what is known take half of the time.
    for (let row = 32 * i + 24; row >= 32 * i; row -= 8) {
      kept =
        (kept << 8) |
        table[codes[row]!]! |
        (table[codes[row + 1]!]! << 1) |
        (table[codes[row + 2]!]! << 2) |
        (table[codes[row + 3]!]! << 3) |
        (table[codes[row + 4]!]! << 4) |
        (table[codes[row + 5]!]! << 5) |
        (table[codes[row + 6]!]! << 6) |
        (table[codes[row + 7]!]! << 7);
    }
    words[i]! &= kept;
  }
  if (table[0] === 0) words.fill(0, coded);
}

/** Without branches: numbers come in any order, and a processor would guess wrong at every other. NaN is in no range. `no`: 0, or -1 for the rest. */
function compareAll(options: {
  words: Int32Array;
  codes: Uint32Array;
  numbers: Float64Array;
  low: number;
  high: number;
  no: number;
}): void {
  const { words, codes, numbers, low, high, no } = options;
  const coded = Math.min(words.length, codes.length / 32);
  for (let i = 0; i < coded; i++) {
    if (words[i] === 0) continue;
    let within = 0;
    for (let row = 32 * i + 28; row >= 32 * i; row -= 4) {
      const a = numbers[codes[row]!]!;
      const b = numbers[codes[row + 1]!]!;
      const c = numbers[codes[row + 2]!]!;
      const d = numbers[codes[row + 3]!]!;
      within =
        (within << 4) |
        (Number(a >= low) & Number(a <= high)) |
        ((Number(b >= low) & Number(b <= high)) << 1) |
        ((Number(c >= low) & Number(c <= high)) << 2) |
        ((Number(d >= low) & Number(d <= high)) << 3);
    }
    words[i]! &= within ^ no;
  }
  if (no === 0) words.fill(0, coded);
}

function countAll(words: Int32Array, codes: Uint32Array, counts: Uint32Array): void {
  const coded = Math.min(words.length, codes.length / 32);
  for (let i = 0; i < coded; i++) {
    for (let left = words[i]!; left !== 0; left &= left - 1) {
      counts[codes[32 * i + 31 - Math.clz32(left & -left)]!]!++;
    }
  }
}

/** Whole words of rows. */
function widened(codes: Uint32Array, rows: number): Uint32Array {
  const wide = new Uint32Array(32 * Math.ceil((rows * 1.25) / 32 + 2));
  wide.set(codes);
  return wide;
}
