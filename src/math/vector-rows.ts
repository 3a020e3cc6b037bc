// Rows of f32 with an int8 copy of each in WebAssembly memory, and an exact search at the speed of the copies. Grows
// without copying. Knows rows by number only; slots, deletions and filters are the index's.
//
// Why exact: a copy's inner product has bounds (quantise.ts). A row whose upper bound is below the k-th best lower bound is
// none of the best k; the others, some hundreds of 200,000, are scored from the f32.

import { dot } from './dot.ts';
import { MOST_CODE, quantised, quantisedQuery } from './quantise.ts';
import { SCAN_WASM } from './scan-wasm.ts';
import { TopK } from './top-k.ts';
import { WasmMemory } from './wasm-memory.ts';

/** Rows per call of the kernel: their bounds stay in the first-level cache. Copies and rows take turns chunk by chunk. */
const CHUNK = 1024;
const BLOCK_BYTES = 2 ** 28;
/** A copy's scale, error and norm, and four bytes of nothing. */
const HEAD = 16;

/** What kernels/scan.ts exports. */
interface ScanKernel {
  sift(
    query: number,
    rows: number,
    codes: number,
    list: number,
    count: number,
    kept: number,
    out: number,
    scale: number,
    perError: number,
    perNorm: number,
    floor: number,
  ): number;
}

export class VectorRows {
  readonly dimension: number;
  /** Of one copy's codes: whole eights. */
  readonly #codes: number;
  readonly #chunkBytes: number;
  readonly #chunksPerBlock: number;
  /** A block: the query; of a chunk the bounds, rows kept, rows wanted, and the numbers of all rows; then the chunks. */
  readonly #outAt: number;
  readonly #keptAt: number;
  readonly #listAt: number;
  readonly #allAt: number;
  readonly #chunksAt: number;
  readonly #blocks: WasmMemory<ScanKernel>[] = [];
  #rows = 0;

  constructor(options: { dimension: number; blockBytes?: number }) {
    const { dimension, blockBytes = BLOCK_BYTES } = options;
    this.dimension = dimension;
    this.#codes = 8 * Math.ceil(dimension / 8);
    this.#chunkBytes = CHUNK * (HEAD + this.#codes + 4 * dimension);
    this.#chunksPerBlock = Math.max(1, Math.floor(blockBytes / this.#chunkBytes));
    this.#outAt = 2 * this.#codes;
    this.#keptAt = this.#outAt + 4 * CHUNK;
    this.#listAt = this.#keptAt + 4 * CHUNK;
    this.#allAt = this.#listAt + 4 * CHUNK;
    this.#chunksAt = this.#allAt + 4 * CHUNK;
  }

  get rows(): number {
    return this.#rows;
  }

  /** Bytes held, room to grow included. */
  get bytes(): number {
    return this.#blocks.reduce((sum, block) => sum + block.bytes, 0);
  }

  push(vector: Float32Array): void {
    const row = this.#rows++;
    const chunk = Math.floor(row / CHUNK);
    const inBlock = chunk % this.#chunksPerBlock;
    const end = (chunks: number) => this.#chunksAt + chunks * this.#chunkBytes;
    if (inBlock === 0 && row % CHUNK === 0 && chunk / this.#chunksPerBlock === this.#blocks.length) {
      const block = new WasmMemory<ScanKernel>({
        wasm: SCAN_WASM,
        mostBytes: end(this.#chunksPerBlock),
      });
      block.reserve(this.#chunksAt);
      for (let i = 0; i < CHUNK; i++) block.u32[this.#allAt / 4 + i] = i;
      this.#blocks.push(block);
    }
    this.#blockOf(row).reserve(end(inBlock + 1));
    this.#write(row, vector);
  }

  /** A view of a row, good until the next `push`, `move` or `cut`. */
  vector(row: number): Float32Array {
    const at = this.#vectorAt(row);
    return this.#blockOf(row).f32.subarray(at, at + this.dimension);
  }

  /** Inner product of a row with `vector`, accumulated in f64. */
  score(row: number, vector: Float32Array): number {
    return dot(this.#blockOf(row).f32, this.#vectorAt(row), vector, 0, this.dimension);
  }

  /** Copies a row over another. */
  move(from: number, to: number): void {
    this.#write(to, this.vector(from));
  }

  /** Forgets the rows from `rows` on, and gives whole blocks back. */
  cut(rows: number): void {
    this.#rows = rows;
    this.#blocks.length = Math.ceil(rows / CHUNK / this.#chunksPerBlock);
  }

  /**
   * Rows from `first` on, up to `end`, that `wanted` (one byte a row, 0 or 1) has a 1 for, ascending: the best `k` by `score`, all that tie
   * with the last of them, and others that are as near as the copies can tell. Instead of a `k`, `atLeast` asks for all that
   * score so much. `many` says that more than a quarter of the rows may be wanted: then all are scored, for rows in order
   * are read so much faster that most of them may be for nothing.
   */
  candidates(
    options: { vector: Float32Array; first: number; end?: number; wanted: Uint8Array; many: boolean } & (
      | { k: number }
      | { atLeast: number }
    ),
  ): number[] {
    const { vector, first, end: last = this.#rows, wanted, many } = options;
    const lowest = 'k' in options ? new TopK(options.k) : { floor: options.atLeast, push: () => {} };
    const query = quantisedQuery(vector, this.#codes);
    const { perError, perNorm } = query;
    const rows: number[] = [];
    const uppers: number[] = [];
    for (let start = first; start < last; ) {
      const chunk = start - (start % CHUNK);
      const end = Math.min(last, chunk + CHUNK);
      const block = this.#blockOf(start);
      const { f32, u32, kernel } = block;
      if (start === first || chunk % (CHUNK * this.#chunksPerBlock) === 0) block.i16.set(query.codes, 0);
      const copies = this.#copyAt(chunk);
      const count = kernel.sift(
        0,
        copies,
        this.#codes,
        many ? this.#allAt + 4 * (start - chunk) : this.#listAt,
        many ? end - start : listWanted(wanted, start, end, u32, this.#listAt / 4),
        this.#keptAt,
        this.#outAt,
        query.scale,
        perError,
        perNorm,
        lowest.floor,
      );
      for (let i = 0; i < count; i++) {
        const row = u32[this.#keptAt / 4 + i];
        if (many && wanted[chunk + row] === 0) continue;
        const upper = f32[this.#outAt / 4 + i];
        const head = (copies + row * (HEAD + this.#codes)) / 4;
        const lower = upper - 2 * (perError * f32[head + 1] + perNorm * f32[head + 2]);
        if (!Number.isNaN(lower)) lowest.push(chunk + row, lower);
        rows.push(chunk + row);
        uppers.push(upper);
      }
      start = end;
    }
    return rows.filter((_, i) => !(uppers[i] < lowest.floor));
  }

  #write(row: number, vector: Float32Array): void {
    const block = this.#blockOf(row);
    block.f32.set(vector, this.#vectorAt(row));
    const at = this.#copyAt(row);
    const { codes, scale, error, norm } = quantised(vector, MOST_CODE);
    block.f32[at / 4] = scale;
    block.f32[at / 4 + 1] = error;
    block.f32[at / 4 + 2] = norm;
    block.i8.set(codes, at + HEAD);
    // A block that was cut back may hold older rows.
    block.i8.fill(0, at + HEAD + this.dimension, at + HEAD + this.#codes);
  }

  #blockOf(row: number): WasmMemory<ScanKernel> {
    return this.#blocks[Math.floor(row / CHUNK / this.#chunksPerBlock)];
  }

  #chunkAt(row: number): number {
    return this.#chunksAt + (Math.floor(row / CHUNK) % this.#chunksPerBlock) * this.#chunkBytes;
  }

  /** Where a row's copy begins in its block, in bytes. */
  #copyAt(row: number): number {
    return this.#chunkAt(row) + (row % CHUNK) * (HEAD + this.#codes);
  }

  /** Where a row begins in its block, in floats. */
  #vectorAt(row: number): number {
    return (this.#chunkAt(row) + CHUNK * (HEAD + this.#codes)) / 4 + (row % CHUNK) * this.dimension;
  }
}

/** Writes the wanted rows of a chunk, counted from its beginning, and returns how many there are. */
function listWanted(wanted: Uint8Array, start: number, end: number, list: Uint32Array, at: number): number {
  const chunk = start - (start % CHUNK);
  let count = 0;
  for (let row = start; row < end; row++) {
    list[at + count] = row - chunk;
    count += wanted[row];
  }
  return count;
}
