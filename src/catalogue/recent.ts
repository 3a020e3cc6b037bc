// A map that keeps what was used last: by halves, so that a use of what is there costs next to nothing.

export class Recent<K, V> {
  readonly #most: number;
  /** What was used since that was full last, and what was used in the time before. */
  #young = new Map<K, V>();
  #old = new Map<K, V>();

  /** `most`: entries that are kept for sure; twice as many may be. */
  constructor(most: number) {
    this.#most = most;
  }

  get(key: K): V | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: K, value: V): void {
    if (this.#young.size >= this.#most && !this.#young.has(key)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }

  delete(key: K): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  clear(): void {
    // Emptying a map that is empty makes a new table nevertheless.
    if (this.#young.size > 0) this.#young.clear();
    if (this.#old.size > 0) this.#old.clear();
  }
}
