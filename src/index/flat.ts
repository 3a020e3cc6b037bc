// The exact index: every live vector scored, in one growing Float32Array. The permanent reference for all others,
// and the copy of the vectors in memory that they re-rank and fall back on. No files.

import { invalid } from '../errors/error.ts';
import { dot } from '../math/dot.ts';
import { TopK } from '../math/top-k.ts';
import { checkSearch, checkSlot, checkVector } from './guard.ts';
import type { SearchHits, SearchRequest, VectorIndex } from './vector-index.ts';

const FIRST_ROWS = 64;

/** Rows lie in ascending order of slot; removed rows are squeezed out once they are the majority. */
export class FlatIndex implements VectorIndex {
  readonly dimension: number;
  #slots = new Uint32Array(FIRST_ROWS);
  #live = new Uint8Array(FIRST_ROWS);
  #vectors: Float32Array;
  #rows = 0;
  #size = 0;
  #highest = -1;

  constructor(options: { dimension: number }) {
    if (!Number.isInteger(options.dimension) || options.dimension < 1) {
      throw invalid('dimension', 'an integer of 1 or more', options.dimension);
    }
    this.dimension = options.dimension;
    this.#vectors = new Float32Array(FIRST_ROWS * this.dimension);
  }

  get size(): number {
    return this.#size;
  }

  /** The highest slot ever added; -1 before the first. */
  get highest(): number {
    return this.#highest;
  }

  has(slot: number): boolean {
    return this.#rowOf(slot) >= 0;
  }

  add(entry: { slot: number; vector: Float32Array }): void {
    checkSlot(entry.slot, this.#highest);
    checkVector(entry.vector, this.dimension);
    if (this.#rows === this.#slots.length) this.#grow();
    const row = this.#rows++;
    this.#slots[row] = entry.slot;
    this.#live[row] = 1;
    this.#vectors.set(entry.vector, row * this.dimension);
    this.#highest = entry.slot;
    this.#size++;
  }

  remove(slot: number): boolean {
    const row = this.#rowOf(slot);
    if (row < 0) return false;
    this.#live[row] = 0;
    this.#size--;
    if (this.#rows > FIRST_ROWS && this.#size < this.#rows / 2) this.#squeeze();
    return true;
  }

  search(request: SearchRequest): SearchHits {
    checkSearch(request, this.dimension);
    const top = new TopK(Math.min(request.k, this.#size));
    this.scan({ vector: request.vector, top });
    const { keys, scores } = top.take();
    return { slots: keys, scores };
  }

  /** Pushes the score of every live slot above `after` (default: all) into `top`. The vector is taken as checked. */
  scan(options: { vector: Float32Array; top: TopK; after?: number }): void {
    const d = this.dimension;
    for (let row = this.#firstRowAfter(options.after ?? -1); row < this.#rows; row++) {
      if (this.#live[row] === 0) continue;
      options.top.push(this.#slots[row]!, dot(this.#vectors, row * d, options.vector, 0, d));
    }
  }

  /** Inner product of `vector` with a live slot's; throws `invalid_argument` for any other slot. */
  score(slot: number, vector: Float32Array): number {
    return Math.fround(dot(this.#vectors, this.#row(slot) * this.dimension, vector, 0, this.dimension));
  }

  /** A view of a live slot's vector, good until the next `add` or `remove`. */
  vector(slot: number): Float32Array {
    const at = this.#row(slot) * this.dimension;
    return this.#vectors.subarray(at, at + this.dimension);
  }

  /** The lowest live slot above `slot`, or undefined. */
  next(slot: number): number | undefined {
    let row = this.#firstRowAfter(slot);
    while (row < this.#rows && this.#live[row] === 0) row++;
    return row < this.#rows ? this.#slots[row] : undefined;
  }

  #row(slot: number): number {
    const row = this.#rowOf(slot);
    if (row < 0) throw invalid('slot', 'a live slot', slot);
    return row;
  }

  /** -1 where the slot is not live. */
  #rowOf(slot: number): number {
    const row = this.#firstRowAfter(slot - 1);
    return row < this.#rows && this.#slots[row] === slot && this.#live[row] === 1 ? row : -1;
  }

  #firstRowAfter(slot: number): number {
    let low = 0;
    let high = this.#rows;
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
    const vectors = new Float32Array(capacity * this.dimension);
    slots.set(this.#slots);
    live.set(this.#live);
    vectors.set(this.#vectors);
    this.#slots = slots;
    this.#live = live;
    this.#vectors = vectors;
  }

  #squeeze(): void {
    const d = this.dimension;
    let to = 0;
    for (let row = 0; row < this.#rows; row++) {
      if (this.#live[row] === 0) continue;
      this.#slots[to] = this.#slots[row]!;
      this.#live[to] = 1;
      this.#vectors.copyWithin(to * d, row * d, (row + 1) * d);
      to++;
    }
    this.#rows = to;
  }
}
