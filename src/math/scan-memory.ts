// One WebAssembly memory that grows in place, and the scan kernel bound to it. What lies where is vector-rows.ts's.

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

/** What scan.wat exports; addresses are in bytes. */
export interface ScanKernel {
  sift(
    query: number,
    rows: number,
    bytes: number,
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

let compiled: WebAssembly.Module | undefined;

export class ScanMemory {
  readonly kernel: ScanKernel;
  readonly #memory: WebAssembly.Memory;
  readonly #mostPages: number;
  /** The whole memory; made anew when it has grown. */
  f32!: Float32Array;
  i8!: Int8Array;
  i16!: Int16Array;
  u32!: Uint32Array;

  constructor(options: { mostBytes: number }) {
    this.#mostPages = Math.ceil(options.mostBytes / PAGE_BYTES);
    this.#memory = new WebAssembly.Memory({ initial: 1, maximum: this.#mostPages });
    compiled ??= new WebAssembly.Module(Buffer.from(SCAN_WASM, 'base64'));
    const instance = new WebAssembly.Instance(compiled, { env: { memory: this.#memory } });
    this.kernel = instance.exports as ScanKernel;
    this.#view();
  }

  get bytes(): number {
    return this.#memory.buffer.byteLength;
  }

  /** At least `bytes`; a quarter more than there was, so that growing stays rare. */
  reserve(bytes: number): void {
    const pages = this.bytes / PAGE_BYTES;
    const missing = Math.ceil(bytes / PAGE_BYTES) - pages;
    if (missing <= 0) return;
    this.#memory.grow(Math.min(this.#mostPages - pages, Math.max(missing, Math.ceil(pages / 4))));
    this.#view();
  }

  #view(): void {
    const { buffer } = this.#memory;
    this.f32 = new Float32Array(buffer);
    this.i8 = new Int8Array(buffer);
    this.i16 = new Int16Array(buffer);
    this.u32 = new Uint32Array(buffer);
  }
}
