// A map that keeps what was used last.

export class Recent<K, V> {
  readonly #most: number;
  /** In the order of their last use. */
  readonly #known = new Map<K, V>();

  /** `most`: entries that are kept. */
  constructor(most: number) {
    this.#most = most;
  }

  get(key: K): V | undefined {
    const value = this.#known.get(key);
    if (value !== undefined && this.#known.delete(key)) this.#known.set(key, value);
    return value;
  }

  set(key: K, value: V): void {
    this.#known.delete(key);
    this.#known.set(key, value);
    if (this.#known.size > this.#most) this.#known.delete(this.#known.keys().next().value!);
  }

  delete(key: K): void {
    this.#known.delete(key);
  }

  clear(): void {
    this.#known.clear();
  }
}
