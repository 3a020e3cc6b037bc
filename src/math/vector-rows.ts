// Rows of f32 in WebAssembly memory, and the kernel that scores them there. Grows without copying. Knows rows by number
// only; slots, deletions and filters are the index's.

import { dot } from './dot.ts';
import { SCAN_WASM } from './scan-wasm.ts';

/** What is used here of the global of that name: TypeScript has its types only with the browser's. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Memory {
    constructor(descriptor: { initial: number; maximum?: number });
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  class Instance {
    constructor(module: Module, imports: { env: { memory: Memory } });
    readonly exports: object;
  }
}

const PAGE_BYTES = 65_536;
/** Rows scored per call of the kernel: their scores stay in the first-level cache. */
const CHUNK = 1024;
const BLOCK_BYTES = 2 ** 28;

interface Kernel {
  scan(query: number, row: number, stride: number, count: number, out: number): void;
  gather(query: number, rows: number, stride: number, list: number, count: number, out: number): void;
}

/** One memory: the query, a chunk's scores, a chunk's list of rows, then the rows. */
interface Block {
  readonly memory: WebAssembly.Memory;
  readonly kernel: Kernel;
  /** The whole memory; made anew when it has grown. */
  f32: Float32Array;
}

let compiled: WebAssembly.Module | undefined;

export class VectorRows {
  readonly dimension: number;
  /** Bytes from row to row: whole quads of f32. */
  readonly #stride: number;
  readonly #rowsPerBlock: number;
  readonly #outAt: number;
  readonly #listAt: number;
  readonly #rowsAt: number;
  /** Of a full block. */
  readonly #pages: number;
  readonly #blocks: Block[] = [];
  #rows = 0;

  constructor(options: { dimension: number; blockBytes?: number }) {
    const { dimension, blockBytes = BLOCK_BYTES } = options;
    this.dimension = dimension;
    this.#stride = 16 * Math.ceil(dimension / 4);
    this.#rowsPerBlock = Math.max(CHUNK, Math.floor(blockBytes / this.#stride / CHUNK) * CHUNK);
    this.#outAt = this.#stride;
    this.#listAt = this.#outAt + 4 * CHUNK;
    this.#rowsAt = this.#listAt + 4 * CHUNK;
    this.#pages = Math.ceil((this.#rowsAt + this.#rowsPerBlock * this.#stride) / PAGE_BYTES);
  }

  get rows(): number {
    return this.#rows;
  }

  /** Bytes held, room to grow included. */
  get bytes(): number {
    return this.#blocks.reduce((sum, { memory }) => sum + memory.buffer.byteLength, 0);
  }

  push(vector: Float32Array): void {
    const inBlock = this.#rows % this.#rowsPerBlock;
    if (inBlock === 0 && this.#rows === this.#blocks.length * this.#rowsPerBlock) this.#addBlock();
    const block = this.#blockOf(this.#rows);
    this.#reserve(block, inBlock + 1);
    const at = this.#at(this.#rows);
    block.f32.set(vector, at);
    // A block that was cut back may hold older rows.
    block.f32.fill(0, at + this.dimension, at + this.#stride / 4);
    this.#rows++;
  }

  /** A view of a row, good until the next `push`, `move` or `cut`. */
  vector(row: number): Float32Array {
    const at = this.#at(row);
    return this.#blockOf(row).f32.subarray(at, at + this.dimension);
  }

  /** Inner product of a row with `vector`, accumulated in f64. */
  score(row: number, vector: Float32Array): number {
    return dot(this.#blockOf(row).f32, this.#at(row), vector, 0, this.dimension);
  }

  /** Copies a row over another. */
  move(from: number, to: number): void {
    this.#blockOf(to).f32.set(this.vector(from), this.#at(to));
  }

  /** Forgets the rows from `rows` on, and gives whole blocks back. */
  cut(rows: number): void {
    this.#rows = rows;
    this.#blocks.length = Math.ceil(rows / this.#rowsPerBlock);
  }

  /**
   * Calls `visit(row, score)` for every row from `first` on that `wanted` (one byte a row) does not hold at 0. Scores are
   * accumulated in f32 and differ from `score` in the last digits.
   */
  scan(options: {
    vector: Float32Array;
    first: number;
    wanted: Uint8Array;
    visit: (row: number, score: number) => void;
  }): void {
    const { vector, first, wanted, visit } = options;
    for (let start = first; start < this.#rows; ) {
      const inBlock = start % this.#rowsPerBlock;
      const end = Math.min(this.#rows, start - (start % CHUNK) + CHUNK);
      const block = this.#blockOf(start);
      if (inBlock === 0 || start === first) block.f32.set(vector, 0);
      const list = new Uint32Array(block.memory.buffer, this.#listAt, CHUNK);
      let count = 0;
      for (let row = start; row < end; row++) {
        if (wanted[row] !== 0) list[count++] = row - start + inBlock;
      }
      const out = this.#outAt / 4;
      const { f32, kernel } = block;
      // Rows in order are read so much faster that half of them may be for nothing.
      if (2 * count > end - start) {
        kernel.scan(0, this.#rowsAt + inBlock * this.#stride, this.#stride, end - start, this.#outAt);
        for (let i = 0; i < end - start; i++) if (wanted[start + i] !== 0) visit(start + i, f32[out + i]);
      } else if (count > 0) {
        kernel.gather(0, this.#rowsAt, this.#stride, this.#listAt, count, this.#outAt);
        for (let i = 0; i < count; i++) visit(start - inBlock + list[i], f32[out + i]);
      }
      start = end;
    }
  }

  #blockOf(row: number): Block {
    return this.#blocks[Math.floor(row / this.#rowsPerBlock)];
  }

  /** Where a row begins in its block, in floats. */
  #at(row: number): number {
    return (this.#rowsAt + (row % this.#rowsPerBlock) * this.#stride) / 4;
  }

  #addBlock(): void {
    compiled ??= new WebAssembly.Module(Buffer.from(SCAN_WASM, 'base64'));
    const memory = new WebAssembly.Memory({ initial: 1, maximum: this.#pages });
    const instance = new WebAssembly.Instance(compiled, { env: { memory } });
    const kernel = instance.exports as unknown as Kernel;
    this.#blocks.push({ memory, kernel, f32: new Float32Array(memory.buffer) });
  }

  #reserve(block: Block, rows: number): void {
    const missing = this.#rowsAt + rows * this.#stride - block.memory.buffer.byteLength;
    if (missing <= 0) return;
    const pages = block.memory.buffer.byteLength / PAGE_BYTES;
    // A quarter more, in place: no row is copied.
    const more = Math.max(Math.ceil(missing / PAGE_BYTES), Math.ceil(pages / 4));
    block.memory.grow(Math.min(this.#pages - pages, more));
    block.f32 = new Float32Array(block.memory.buffer);
  }
}
