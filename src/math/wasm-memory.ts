// One WebAssembly memory that grows in place, and a kernel bound to it, if any. What lies where is its user's to say.

/** What is used here of the global of that name: TypeScript has its types only with the browser's. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Memory {
    constructor(descriptor: { initial: number; maximum?: number; shared?: boolean });
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  class Instance {
    constructor(module: Module, imports: { env: { memory: Memory } });
    readonly exports: object;
  }
}

const PAGE_BYTES = 65_536;
/** All that 32 bits can address, less a page: an address beyond the last byte must fit too. */
export const MOST_WASM_BYTES = 2 ** 32 - PAGE_BYTES;

const compiled = new Map<string, WebAssembly.Module>();

export class WasmMemory<Kernel> {
  /** What the module exports; addresses are in bytes. */
  readonly kernel!: Kernel;
  readonly #memory: WebAssembly.Memory;
  readonly #module: WebAssembly.Module | undefined;
  readonly #mostPages: number;
  /**
   * As large as a memory that is shared, and never touched, so that it takes none: V8 does not count what threads share, and would
   * leave old ones lying around.
   */
  readonly #weight: WebAssembly.Memory | undefined;
  /** The whole memory; made anew when it has grown. */
  f32!: Float32Array;
  i8!: Int8Array;
  u8!: Uint8Array;
  i16!: Int16Array;
  u32!: Uint32Array;
  i32!: Int32Array;

  /** `wasm`: the module, base64; default none. `shared`: with other threads, as the module says. */
  constructor(options: { wasm?: string; mostBytes: number; shared?: boolean }) {
    const { wasm, mostBytes, shared = false } = options;
    this.#mostPages = Math.ceil(mostBytes / PAGE_BYTES);
    this.#memory = new WebAssembly.Memory({ initial: 1, maximum: this.#mostPages, shared });
    this.#weight = shared ? new WebAssembly.Memory({ initial: 1, maximum: this.#mostPages }) : undefined;
    if (wasm !== undefined) {
      const module = compiled.get(wasm) ?? new WebAssembly.Module(Buffer.from(wasm, 'base64'));
      compiled.set(wasm, module);
      this.#module = module;
      const instance = new WebAssembly.Instance(module, { env: { memory: this.#memory } });
      this.kernel = instance.exports as Kernel;
    }
    this.#view();
  }

  /** For an instance of another thread. */
  get shareable(): { readonly module: unknown; readonly memory: unknown } {
    return { module: this.#module, memory: this.#memory };
  }

  get bytes(): number {
    return this.#memory.buffer.byteLength;
  }

  /** At least `bytes`; and `spare` more of what there was, so that growing stays rare. */
  reserve(bytes: number, spare = 0.25): void {
    const pages = this.bytes / PAGE_BYTES;
    const missing = Math.ceil(bytes / PAGE_BYTES) - pages;
    if (missing <= 0) return;
    const more = Math.min(this.#mostPages - pages, Math.max(missing, Math.ceil(spare * pages)));
    this.#memory.grow(more);
    this.#weight?.grow(more);
    this.#view();
  }

  #view(): void {
    const { buffer } = this.#memory;
    this.f32 = new Float32Array(buffer);
    this.i8 = new Int8Array(buffer);
    this.u8 = new Uint8Array(buffer);
    this.i16 = new Int16Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.i32 = new Int32Array(buffer);
  }
}
