// The exact index: all live vectors by their int8 copies, what could be nearest of them in f64. The permanent reference
// for all others, and the vectors in memory that they re-rank and fall back on. No files.

import { invalid } from '../errors/error.ts';
import { Bits } from '../math/bits.ts';
import type { Copies } from '../math/copies.ts';
import type { ScanThreads } from '../math/scan-threads.ts';
import { TopK } from '../math/top-k.ts';
import { VectorRows } from '../math/vector-rows.ts';
import { checkSearch, checkSlot, checkVector } from './guard.ts';
import type { SearchHits, SearchRequest, VectorIndex } from './vector-index.ts';

const FIRST_ROWS = 64;

/** Rows to choose from. */
export interface Selected {
  /** Those, all of them live. */
  readonly mask: Bits;
  readonly matches: number;
}

/**
 * Rows lie in ascending order of slot; removed rows are squeezed out once they are the majority. Those that a graph walks through
 * are pinned: they stay where they are, live or not.
 */
export class FlatIndex implements VectorIndex {
  readonly dimension: number;
  /** That scan; undefined: the caller's alone. */
  readonly threads: ScanThreads | undefined;
  #slots = new Uint32Array(FIRST_ROWS);
  readonly #live = new Bits(FIRST_ROWS);
  readonly #vectors: VectorRows;
  readonly #onSqueeze: ((stays: Bits) => void) | undefined;
  #size = 0;
  #highest = -1;
  /** Rows before this one are pinned. */
  #pinned = 0;
  /** Removed rows that are not pinned. */
  #loose = 0;
  #squeezes = 0;

  /** `onSqueeze` is told which rows stay, just before the others go and these move together. */
  constructor(options: {
    dimension: number;
    threads?: ScanThreads;
    onSqueeze?: (stays: Bits) => void;
  }) {
    if (!Number.isInteger(options.dimension) || options.dimension < 1) {
      throw invalid('dimension', 'an integer of 1 or more', options.dimension);
    }
    this.dimension = options.dimension;
    this.threads = options.threads;
    this.#vectors = new VectorRows({ dimension: this.dimension, threads: this.threads });
    this.#onSqueeze = options.onSqueeze;
  }

  get size(): number {
    return this.#size;
  }

  /** How often rows have moved together. */
  get squeezes(): number {
    return this.#squeezes;
  }

  /** The rows whose slots are live, by now. */
  get live(): Bits {
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
    this.#live.add(row);
    this.#highest = entry.slot;
    this.#size++;
  }

  remove(slot: number): boolean {
    const row = this.rowOf(slot);
    if (row < 0) return false;
    this.#live.delete(row);
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
    this.#loose = this.#vectors.rows - this.#pinned - this.#live.count(this.#pinned);
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
    return { ...this.#vectors.bytes, slots: this.#slots.byteLength + this.#live.words.byteLength };
  }

  /** `selection`: default all. */
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
    const mask = options.selection?.mask ?? this.#live;
    const first = this.#firstRowAfter(after);
    if (top.capacity === 0 || first === this.#vectors.rows) return;
    this.rank(this.#vectors.candidates({ vector, k: top.capacity, first, wanted: mask }), vector, top);
  }

  /** Pushes the slots of these rows. */
  rank(rows: readonly number[], vector: Float32Array, top: TopK): void {
    const scores = this.#vectors.scores(rows, vector);
    for (let i = 0; i < rows.length; i++) top.push(this.#slots[rows[i]!]!, scores[i]!);
  }

  /** All live slots above `after`, up to `through`, that score at least `atLeast`, ascending. The vector is taken as checked. */
  within(options: { vector: Float32Array; atLeast: number; after: number; through?: number }): number[] {
    const { vector, atLeast, after, through = Number.POSITIVE_INFINITY } = options;
    const [first, end] = [this.#firstRowAfter(after), this.#firstRowAfter(through)];
    return this.#vectors
      .candidates({ vector, atLeast, first, end, wanted: this.#live })
      .filter((row) => Math.fround(this.#vectors.score(row, vector)) >= atLeast)
      .map((row) => this.#slots[row]!);
  }

  /** Inner product of `vector` with a live slot's; throws `invalid_argument` for any other slot. */
  score(slot: number, vector: Float32Array): number {
    return Math.fround(this.#vectors.score(this.#row(slot), vector));
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
    const row = this.#live.next(this.#firstRowAfter(slot));
    return row < 0 ? undefined : this.#slots[row];
  }

  /** Where a slot is by now; -1 where it is not live. */
  rowOf(slot: number): number {
    const row = this.rowOnceOf(slot);
    return row >= 0 && this.#live.has(row) ? row : -1;
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
    return this.#live.count(this.#firstRowAfter(slot));
  }

  #row(slot: number): number {
    const row = this.rowOf(slot);
    if (row < 0) throw invalid('slot', 'a live slot', slot);
    return row;
  }

  #firstRowAfter(slot: number): number {
    const { rows } = this.#vectors;
    if (slot >= this.#highest) return rows;
    // Slots ascend from 0 on: a row lies before its slot by no more than are missing in all.
    const missing = this.#highest + 1 - rows;
    let low = Math.max(0, slot + 1 - missing);
    let high = Math.min(rows, slot + 1);
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
    slots.set(this.#slots);
    this.#slots = slots;
    this.#live.grow(capacity);
  }

  #squeeze(): void {
    if (this.#vectors.rows <= FIRST_ROWS || this.#loose <= this.#size) return;
    if (this.#onSqueeze) {
      const stays = this.#live.copy();
      for (let row = 0; row < this.#pinned; row++) stays.add(row);
      this.#onSqueeze(stays);
    }
    let to = this.#pinned;
    for (let row = to; row < this.#vectors.rows; row++) {
      if (!this.#live.has(row)) continue;
      this.#live.delete(row);
      this.#live.add(to);
      this.#slots[to] = this.#slots[row]!;
      if (to < row) this.#vectors.move(row, to);
      to++;
    }
    this.#vectors.cut(to);
    this.#loose = 0;
    this.#squeezes++;
  }
}
