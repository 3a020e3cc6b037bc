// Rows of f32 with an int8 copy of each, and an exact search at the speed of the copies. Grows without copying. Knows rows by
// number only; slots, deletions and filters are the index's.
//
// Why exact: a copy's inner product has bounds (quantise.ts). A row whose upper bound is below the k-th best lower bound is
// none of the best k; the others, some hundreds of 200,000, are scored from the f32.

import type { Bits } from './bits.ts';
import { Copies } from './copies.ts';
import { dot } from './dot.ts';
import { SCORE_WASM } from './kernels-wasm.ts';
import type { ScanThreads } from './scan-threads.ts';
import { TopK } from './top-k.ts';
import { WasmMemory } from './wasm-memory.ts';

const BLOCK_BYTES = 2 ** 28;

/** A memory of copies; that of a row has the number row - `shift`. */
interface Part {
  readonly copies: Copies;
  readonly shift: number;
}

export class VectorRows {
  readonly dimension: number;
  /** Each begins with the vector that its rows are scored against. */
  readonly #blocks: WasmMemory<{ score(a: number, b: number, dimension: number): number }>[] = [];
  readonly #rowsPerBlock: number;
  readonly #mostBytes: number | undefined;
  readonly #threads: ScanThreads | undefined;
  /** As many as it takes, since one holds 4 GiB at most; by their first rows. */
  #parts: Part[] = [];
  #rows = 0;

  /** `blockBytes`: of vectors; `mostBytes`: of a memory of copies; `threads`: that scan. */
  constructor(options: {
    dimension: number;
    blockBytes?: number;
    mostBytes?: number;
    threads?: ScanThreads;
  }) {
    const { dimension, blockBytes = BLOCK_BYTES, mostBytes, threads } = options;
    this.dimension = dimension;
    this.#rowsPerBlock = Math.max(1, Math.floor(blockBytes / (4 * dimension)));
    this.#mostBytes = mostBytes;
    this.#threads = threads;
  }

  get rows(): number {
    return this.#rows;
  }

  /** Bytes held: of the vectors, room to grow included; and of their copies with what belongs to a graph (copies.ts). */
  get bytes(): { vectors: number } & Copies['bytes'] {
    const vectors = this.#blocks.reduce((sum, block) => sum + block.bytes, 0);
    const sum = { vectors, copies: 0, links: 0, walk: 0, room: 0 };
    for (const { copies } of this.#parts) {
      for (const [part, bytes] of Object.entries(copies.bytes)) sum[part as keyof typeof sum] += bytes;
    }
    return sum;
  }

  push(vector: Float32Array): void {
    const row = this.#rows++;
    if (row === this.#rowsPerBlock * this.#blocks.length) {
      const mostBytes = 4 * this.dimension * (1 + this.#rowsPerBlock);
      this.#blocks.push(new WasmMemory({ wasm: SCORE_WASM, mostBytes }));
    }
    const block = this.#blockOf(row);
    block.reserve(4 * (this.#placeOf(row) + this.dimension));
    block.f32.set(vector, this.#placeOf(row));
    this.#roomFor(row).push(vector);
  }

  /** A view of a row, good until the next `push`, `move` or `cut`. */
  vector(row: number): Float32Array {
    const at = this.#placeOf(row);
    return this.#blockOf(row).f32.subarray(at, at + this.dimension);
  }

  /** Inner product of a row with `vector`, accumulated in f64. */
  score(row: number, vector: Float32Array): number {
    return dot(this.#blockOf(row).f32, this.#placeOf(row), vector, 0, this.dimension);
  }

  /** The same of many rows, in a third of the time. */
  scores(rows: readonly number[], vector: Float32Array): number[] {
    for (const block of this.#blocks) block.f32.set(vector);
    const scores: number[] = [];
    for (let i = 0; i < rows.length; i++) {
      scores.push(this.#blockOf(rows[i]).kernel.score(4 * this.#placeOf(rows[i]), 0, this.dimension));
    }
    return scores;
  }

  /** Copies a row over another. */
  move(from: number, to: number): void {
    this.#blockOf(to).f32.set(this.vector(from), this.#placeOf(to));
    const [source, target] = [this.#partOf(from), this.#partOf(to)];
    target.copies.put(to - target.shift, source.copies, from - source.shift);
  }

  /** Forgets the rows from `rows` on, and gives whole blocks back. */
  cut(rows: number): void {
    this.#rows = rows;
    this.#blocks.length = Math.ceil(rows / this.#rowsPerBlock);
    this.#parts = this.#parts.filter(({ shift }, i) => i === 0 || shift < rows);
    const last = this.#parts.at(-1);
    last?.copies.cut(rows - last.shift);
  }

  /** Appends the copies of the rows from `first` up to `end` to `copies`, where there is room. */
  copyTo(copies: Copies, first: number, end: number): void {
    for (const [part, from, to] of this.#partsOf(first, end)) {
      copies.append(part.copies, from - part.shift, to - part.shift);
    }
  }

  /** Takes `copies` for those of its own: after `before` others they are of the rows from 0 on, of all or of some. */
  adopt(copies: Copies, before: number): void {
    const old = this.#partsOf(copies.count - before, this.#rows);
    this.#parts = [{ copies, shift: -before }];
    for (const [part, from, to] of old) {
      for (let row = from; row < to; ) {
        const room = this.#roomFor(row);
        const end = Math.min(to, row + room.capacity - room.count);
        room.append(part.copies, row - part.shift, end - part.shift);
        row = end;
      }
    }
  }

  /**
   * Rows from `first` on, up to `end`, that are in `wanted`, ascending: the best `k` by `score`, all that tie with the last of them,
   * and others that are as near as the copies can tell. Instead of a `k`, `atLeast` asks for all that score so much.
   */
  candidates(
    options: { vector: Float32Array; first: number; end?: number; wanted: Bits } & (
      | { k: number }
      | { atLeast: number }
    ),
  ): number[] {
    const { vector, first, end: last = this.#rows, wanted } = options;
    const lowest = 'k' in options ? new TopK(options.k) : { floor: options.atLeast, push: () => {} };
    const found = { rows: [] as number[], uppers: [] as number[] };
    for (const [{ copies, shift }, from, end] of this.#partsOf(first, last)) {
      copies.sift({ vector, first: from, end, shift, wanted, lowest, found });
    }
    // Threads find them in any order.
    return found.rows.filter((_, i) => !(found.uppers[i] < lowest.floor)).sort((a, b) => a - b);
  }

  /** Where the copy of the next row goes. */
  #roomFor(row: number): Copies {
    const last = this.#parts.at(-1)?.copies;
    if (last && last.count < last.capacity) return last;
    const { dimension } = this;
    const copies = new Copies({ dimension, mostBytes: this.#mostBytes, threads: this.#threads });
    this.#parts.push({ copies, shift: row });
    return copies;
  }

  #partOf(row: number): Part {
    return this.#parts.findLast(({ shift }) => shift <= row)!;
  }

  /** The parts that have rows from `first` up to `end`, and which. */
  #partsOf(first: number, end: number): [part: Part, from: number, to: number][] {
    return this.#parts
      .map((part, i): [Part, number, number] => {
        const next = this.#parts[i + 1]?.shift ?? end;
        return [part, Math.max(first, part.shift), Math.min(end, next)];
      })
      .filter(([, from, to]) => from < to);
  }

  #blockOf(row: number) {
    return this.#blocks[Math.floor(row / this.#rowsPerBlock)];
  }

  /** Where a row begins in its block. */
  #placeOf(row: number): number {
    return (1 + (row % this.#rowsPerBlock)) * this.dimension;
  }
}
