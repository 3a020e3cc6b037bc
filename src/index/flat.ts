// The exact index: all live vectors by their int8 copies, what could be nearest of them in f64. The permanent reference
// for all others, and the vectors in memory that they re-rank and fall back on. No files.

import { invalid } from '../errors/error.ts';
import type { Copies } from '../math/copies.ts';
import { TopK } from '../math/top-k.ts';
import { VectorRows } from '../math/vector-rows.ts';
import { checkSearch, checkSlot, checkVector } from './guard.ts';
import type { SearchHits, SearchRequest, VectorIndex } from './vector-index.ts';

const FIRST_ROWS = 64;

/** Rows to choose from. */
export interface Selected {
  /** One byte per row, 1 for those; they are live. */
  readonly mask: Uint8Array;
  readonly matches: number;
}

/**
 * Rows lie in ascending order of slot; removed rows are squeezed out once they are the majority. Those that a graph walks through
 * are pinned: they stay where they are, live or not.
 */
export class FlatIndex implements VectorIndex {
  readonly dimension: number;
  #slots = new Uint32Array(FIRST_ROWS);
  #live = new Uint8Array(FIRST_ROWS);
  readonly #vectors: VectorRows;
  readonly #onSqueeze: ((live: Uint8Array) => void) | undefined;
  #size = 0;
  #highest = -1;
  /** Rows before this one are pinned. */
  #pinned = 0;
  /** Removed rows that are not pinned. */
  #loose = 0;
  #squeezes = 0;

  /** `onSqueeze` is told which rows stay, one byte each, just before the others go and these move together. */
  constructor(options: { dimension: number; onSqueeze?: (live: Uint8Array) => void }) {
    if (!Number.isInteger(options.dimension) || options.dimension < 1) {
      throw invalid('dimension', 'an integer of 1 or more', options.dimension);
    }
    this.dimension = options.dimension;
    this.#vectors = new VectorRows({ dimension: this.dimension });
    this.#onSqueeze = options.onSqueeze;
  }

  get size(): number {
    return this.#size;
  }

  /** How often rows have moved together. */
  get squeezes(): number {
    return this.#squeezes;
  }

  /** One byte per row, and some beyond them: 1 where the row's slot is live. Good until the next change. */
  get live(): Uint8Array {
    return this.#live;
  }

  /** The highest slot ever added; -1 before the first. */
  get highest(): number {
    return this.#highest;
  }

  has(slot: number): boolean {
    return this.rowOf(slot) >= 0;
  }

  add(entry: { slot: number; vector: Float32Array }): void {
    checkSlot(entry.slot, this.#highest);
    checkVector(entry.vector, this.dimension);
    const row = this.#vectors.rows;
    if (row === this.#slots.length) this.#grow();
    this.#vectors.push(entry.vector);
    this.#slots[row] = entry.slot;
    this.#live[row] = 1;
    this.#highest = entry.slot;
    this.#size++;
  }

  remove(slot: number): boolean {
    const row = this.rowOf(slot);
    if (row < 0) return false;
    this.#live[row] = 0;
    this.#size--;
    if (row >= this.#pinned) this.#loose++;
    this.#squeeze();
    return true;
  }

  /** Whether most rows are of removed slots, the pinned ones included. */
  get mostlyDead(): boolean {
    return this.#vectors.rows > FIRST_ROWS && this.#size < this.#vectors.rows / 2;
  }

  /** Pins the rows of the slots up to `through`, and no others; returns how many those are. */
  pin(through: number): number {
    this.#pinned = this.#firstRowAfter(through);
    this.#loose = 0;
    for (let row = this.#pinned; row < this.#vectors.rows; row++) this.#loose += 1 - this.#live[row]!;
    this.#squeeze();
    return this.#pinned;
  }

  /** Appends the copies of the rows from `first` up to `end` to `copies`. */
  copyTo(copies: Copies, first: number, end: number): void {
    this.#vectors.copyTo(copies, first, end);
  }

  /** Takes `copies` for its own: after `before` others they are of the rows from 0 on. */
  adopt(copies: Copies, before: number): void {
    this.#vectors.adopt(copies, before);
  }

  /** Bytes held, by what for. */
  get bytes(): { slots: number } & VectorRows['bytes'] {
    return { ...this.#vectors.bytes, slots: this.#slots.byteLength + this.#live.byteLength };
  }

  /** `selection`: one byte per row, 1 for the live rows to choose from, and how many those are. Default all. */
  search(request: SearchRequest & { selection?: Selected }): SearchHits {
    checkSearch(request, this.dimension);
    const { vector, k, selection } = request;
    const top = new TopK(Math.min(k, selection?.matches ?? this.#size));
    this.scan({ vector, top, selection });
    const { keys, scores } = top.take();
    return { slots: keys, scores };
  }

  /**
   * Pushes into `top` the best slots above `after` (default: all) of the selection (default: the live ones). All is taken as
   * checked.
   */
  scan(options: { vector: Float32Array; top: TopK; after?: number; selection?: Selected }): void {
    const { vector, top, after = -1 } = options;
    const { mask, matches } = options.selection ?? { mask: this.#live, matches: this.#size };
    if (top.capacity === 0) return;
    const first = this.#firstRowAfter(after);
    const many = 2 * matches > this.#vectors.rows;
    for (const row of this.#vectors.candidates({ vector, k: top.capacity, first, wanted: mask, many })) {
      top.push(this.#slots[row]!, this.#vectors.score(row, vector));
    }
  }

  /** All live slots above `after`, up to `through`, that score at least `atLeast`, ascending. The vector is taken as checked. */
  within(options: { vector: Float32Array; atLeast: number; after: number; through?: number }): number[] {
    const { vector, atLeast, after, through = Number.POSITIVE_INFINITY } = options;
    const [first, end] = [this.#firstRowAfter(after), this.#firstRowAfter(through)];
    return this.#vectors
      .candidates({ vector, atLeast, first, end, wanted: this.#live, many: true })
      .filter((row) => Math.fround(this.#vectors.score(row, vector)) >= atLeast)
      .map((row) => this.#slots[row]!);
  }

  /** Inner product of `vector` with a live slot's; throws `invalid_argument` for any other slot. */
  score(slot: number, vector: Float32Array): number {
    return Math.fround(this.#vectors.score(this.#row(slot), vector));
  }

  /** The same by row. */
  scoreAt(row: number, vector: Float32Array): number {
    return Math.fround(this.#vectors.score(row, vector));
  }

  /** A view of a live slot's vector, good until the next `add` or `remove`. */
  vector(slot: number): Float32Array {
    return this.#vectors.vector(this.#row(slot));
  }

  /** A view of a row's vector, good as long. */
  vectorAt(row: number): Float32Array {
    return this.#vectors.vector(row);
  }

  /** The lowest live slot above `slot`, or undefined. */
  next(slot: number): number | undefined {
    let row = this.#firstRowAfter(slot);
    while (row < this.#vectors.rows && this.#live[row] === 0) row++;
    return row < this.#vectors.rows ? this.#slots[row] : undefined;
  }

  /** Where a slot is by now; -1 where it is not live. */
  rowOf(slot: number): number {
    const row = this.rowOnceOf(slot);
    return row >= 0 && this.#live[row] === 1 ? row : -1;
  }

  /** The same, also of a slot that was removed and not squeezed out. */
  rowOnceOf(slot: number): number {
    const row = this.#firstRowAfter(slot - 1);
    return row < this.#vectors.rows && this.#slots[row] === slot ? row : -1;
  }

  /** The slot of a row; the opposite of `rowOf`. */
  slotAt(row: number): number {
    return this.#slots[row]!;
  }

  /** Live slots above `slot`. */
  countAfter(slot: number): number {
    let count = 0;
    for (let row = this.#firstRowAfter(slot); row < this.#vectors.rows; row++) count += this.#live[row]!;
    return count;
  }

  #row(slot: number): number {
    const row = this.rowOf(slot);
    if (row < 0) throw invalid('slot', 'a live slot', slot);
    return row;
  }

  #firstRowAfter(slot: number): number {
    let low = 0;
    let high = this.#vectors.rows;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#slots[middle]! > slot) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #grow(): void {
    const capacity = this.#slots.length * 2;
    const slots = new Uint32Array(capacity);
    const live = new Uint8Array(capacity);
    slots.set(this.#slots);
    live.set(this.#live);
    this.#slots = slots;
    this.#live = live;
  }

  #squeeze(): void {
    if (this.#vectors.rows <= FIRST_ROWS || this.#loose <= this.#size) return;
    if (this.#onSqueeze) {
      const stays = this.#live.slice();
      stays.fill(1, 0, this.#pinned);
      this.#onSqueeze(stays);
    }
    let to = this.#pinned;
    for (let row = to; row < this.#vectors.rows; row++) {
      if (this.#live[row] === 0) continue;
      this.#slots[to] = this.#slots[row]!;
      if (to < row) this.#vectors.move(row, to);
      to++;
    }
    this.#live.fill(1, this.#pinned, to);
    this.#vectors.cut(to);
    this.#loose = 0;
    this.#squeezes++;
  }
}
