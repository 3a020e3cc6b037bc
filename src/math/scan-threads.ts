// Threads that help with scans: asleep until one is called for, then beside the caller on the same memory. A scan does not wait for a
// helper that has not come yet, so it is right, and as fast as alone, while they start and where they cannot.

import { Worker } from 'node:worker_threads';
import type { SieveKernels } from './sieve.ts';
import type { WasmMemory } from './wasm-memory.ts';

/** The words that a crew sleeps by: how many calls there were, and which memory the last was for, or `END`. */
const CALLS = 0;
const MEMORY = 1;
const END = -1;

export class ScanThreads {
  /** The caller's own included. */
  readonly count: number;
  #crew = 0;
  #control = new Int32Array(new SharedArrayBuffer(8));
  #helpers: Worker[] = [];
  #numbers = new WeakMap<object, number>();
  #known = 0;
  /** Helpers would hold a memory that its user has let go of: their own heaps see no reason to clean up. */
  readonly #gone = new FinalizationRegistry<Worker[]>((helpers) => {
    if (helpers === this.#helpers) this.close();
  });

  constructor(options: { count: number }) {
    this.count = options.count;
  }

  /** Which helpers those are that may come now: one of an earlier crew may still be on its way. */
  get crew(): number {
    return this.#crew;
  }

  /** Wakes the helpers for the go at `at` of this memory; starts them before the first. */
  call(memory: WasmMemory<SieveKernels>, at: number): void {
    if (this.count === 1) return;
    if (this.#helpers.length === 0) this.#start();
    let number = this.#numbers.get(memory);
    if (number === undefined) {
      number = this.#known++;
      this.#numbers.set(memory, number);
      this.#gone.register(memory, this.#helpers);
      for (const helper of this.#helpers) helper.postMessage({ number, at, ...memory.shareable });
    }
    this.#wake(number);
  }

  /** Lets the helpers end, each when it has left the go that it may be in; a later call starts others. */
  close(): void {
    this.#wake(END);
    this.#helpers = [];
    this.#numbers = new WeakMap();
  }

  #wake(memory: number): void {
    Atomics.store(this.#control, MEMORY, memory);
    Atomics.add(this.#control, CALLS, 1);
    Atomics.notify(this.#control, CALLS);
  }

  #start(): void {
    this.#crew++;
    this.#control = new Int32Array(new SharedArrayBuffer(8));
    for (let number = 1; number < this.count; number++) {
      const helper = new Worker(new URL('./scan-thread.mjs', import.meta.url), {
        workerData: { control: this.#control, number, crew: this.#crew },
        execArgv: [],
      });
      // One that fails is missed by nobody.
      helper.on('error', () => {});
      helper.unref();
      this.#helpers.push(helper);
    }
  }
}
