// The goes of a scan over the copies of one WebAssembly memory (kernels/scan.ts): their rows are shared out among threads where there
// are some. Knows which rows may be among the best; what a copy is, and where, is copies.ts's.
//
// From `at` on, a line each: the next chunk, whether helpers may come in, how many are inside, what the go is about (query, first
// copy, bytes of codes, wanted bits, their words, threads: u32; scale, perError, perNorm, floor: f32; crew: u32); then a list for each thread,
// of how many it found, their rows and their bounds; then a bit for each row of a go, set where it is wanted.

import type { Bits } from './bits.ts';
import type { ScanThreads } from './scan-threads.ts';
import type { WasmMemory } from './wasm-memory.ts';

/** The caller's part of a go, and a helper's. */
export interface SieveKernels {
  scan(go: number): void;
  help(go: number, number: number, crew: number): void;
}

const CHUNK = 1024;
/** Rows of a go. The first ones make a floor for the next. */
const FIRST = CHUNK;
const GROWTH = 8;
const MOST = 2 ** 18;
/** Rows of a go from which on it is longer than a helper's way to it. */
const SHARED = 2 ** 14;
const ABOUT = 192;
const LISTS = 256;
const ROOM = 4096;
const ROWS = 64;
const BOUNDS = ROWS + 4 * (ROOM + 16);
const LIST = BOUNDS + 4 * (ROOM + 16);

export interface Lowest {
  /** What a row must be able to score. */
  readonly floor: number;
  push(row: number, lower: number): void;
}

export class Sieve {
  readonly #memory: WasmMemory<SieveKernels>;
  readonly #at: number;
  readonly #threads: ScanThreads | undefined;

  /** Bytes that it takes. */
  static bytes(threads: ScanThreads | undefined): number {
    return LISTS + (threads?.count ?? 1) * LIST + MOST / 8;
  }

  constructor(options: { memory: WasmMemory<SieveKernels>; at: number; threads: ScanThreads | undefined }) {
    this.#memory = options.memory;
    this.#at = options.at;
    this.#threads = options.threads;
  }

  /**
   * Rows from `first` up to `end` that may be among the best, as far as `lowest` has seen yet, to `found`, in no order; a row's copy
   * begins at `copies` + row * `stride` bytes. The query is in the memory, at 0; the numbers with it are quantiseQuery's.
   */
  sift(options: {
    query: { scale: number; perError: number; perNorm: number };
    first: number;
    end: number;
    copies: number;
    stride: number;
    wanted: Bits;
    lowest: Lowest;
    found: { readonly rows: number[]; readonly uppers: number[] };
  }): void {
    const { query, first, end, copies, stride, wanted, lowest, found } = options;
    const { scale, perError, perNorm } = query;
    const { f32, u32, i32, kernel } = this.#memory;
    const at = this.#at / 4;
    const about = at + ABOUT / 4;
    const threads = this.#threads?.count ?? 1;
    const wantedAt = at + (LISTS + threads * LIST) / 4;
    let most = FIRST;
    for (let start = first; start < end; ) {
      // Whole words of wanted rows: the first may begin before the first copy.
      const base = start - (start % 32);
      const goEnd = Math.min(end, base + most);
      const words = Math.ceil((goEnd - base) / 32);
      i32.set(wanted.words.subarray(base / 32, base / 32 + words), wantedAt);
      i32[wantedAt] &= -1 << (start % 32);
      if (goEnd % 32 > 0) i32[wantedAt + words - 1] &= ~(-1 << (goEnd % 32));

      const copiesAt = copies + base * stride;
      u32[about] = 0;
      u32[about + 1] = copiesAt;
      u32[about + 2] = stride - 16;
      u32[about + 3] = 4 * wantedAt;
      u32[about + 4] = words;
      u32[about + 5] = threads;
      f32[about + 6] = scale;
      f32[about + 7] = perError;
      f32[about + 8] = perNorm;
      f32[about + 9] = lowest.floor;
      if (goEnd - base >= SHARED) this.#threads?.call(this.#memory, this.#at);
      u32[about + 10] = this.#threads?.crew ?? 0;
      kernel.scan(this.#at);

      for (let thread = 0; thread < threads; thread++) {
        const list = at + (LISTS + thread * LIST) / 4;
        const count = u32[list];
        for (let i = 0; i < count; i++) {
          const inGo = u32[list + ROWS / 4 + i];
          const upper = f32[list + BOUNDS / 4 + i];
          const copy = (copiesAt + inGo * stride) / 4;
          const lower = upper - 2 * (perError * f32[copy + 1] + perNorm * f32[copy + 2]);
          if (!Number.isNaN(lower)) lowest.push(base + inGo, lower);
          found.rows.push(base + inGo);
          found.uppers.push(upper);
        }
      }
      // Fewer chunks than there are where lists were full.
      start = Math.min(goEnd, base + CHUNK * u32[at]);
      most = Math.min(MOST, most * GROWTH);
    }
  }
}
