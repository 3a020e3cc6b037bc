// The k best of a stream of (key, score) pairs: a bounded binary heap on flat arrays, worst kept at the root.

/** Order of results: higher score first, equal f32 scores by smaller key. Scores must not be NaN. */
export class TopK {
  readonly #keys: Uint32Array;
  readonly #scores: Float32Array;
  #size = 0;

  /** Room for `k` pairs, 0 or more. */
  constructor(k: number) {
    this.#keys = new Uint32Array(k);
    this.#scores = new Float32Array(k);
  }

  get capacity(): number {
    return this.#keys.length;
  }

  /** The score that a pair must reach to be among the best: -Infinity while there is room. */
  get floor(): number {
    if (this.#size < this.#keys.length) return -Infinity;
    return this.#size === 0 ? Infinity : this.#scores[0];
  }

  /** `score` is rounded to f32 first: ties are ties of what is returned. */
  push(key: number, score: number): void {
    const s = Math.fround(score);
    if (this.#size < this.#keys.length) {
      this.#siftUp(this.#size++, key, s);
    } else if (this.#size > 0 && this.#worse(0, key, s)) {
      this.#siftDown(key, s);
    }
  }

  /** Best first. Empties the heap. */
  take(): { keys: Uint32Array; scores: Float32Array } {
    const n = this.#size;
    const keys = new Uint32Array(n);
    const scores = new Float32Array(n);
    for (let i = n - 1; i >= 0; i--) {
      keys[i] = this.#keys[0];
      scores[i] = this.#scores[0];
      this.#size = i;
      if (i > 0) this.#siftDown(this.#keys[i], this.#scores[i]);
    }
    return { keys, scores };
  }

  /** True where the pair at `i` ranks after (key, score). */
  #worse(i: number, key: number, score: number): boolean {
    return this.#scores[i] < score || (this.#scores[i] === score && this.#keys[i] > key);
  }

  #siftUp(from: number, key: number, score: number): void {
    let i = from;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      // A parent that ranks after the new pair, or is it, may stay above it.
      if (this.#worse(parent, key, score)) break;
      this.#set(i, this.#keys[parent], this.#scores[parent]);
      i = parent;
    }
    this.#set(i, key, score);
  }

  /** Replaces the root. */
  #siftDown(key: number, score: number): void {
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && this.#worse(child + 1, this.#keys[child], this.#scores[child])) child++;
      if (!this.#worse(child, key, score)) break;
      this.#set(i, this.#keys[child], this.#scores[child]);
      i = child;
    }
    this.#set(i, key, score);
  }

  #set(i: number, key: number, score: number): void {
    this.#keys[i] = key;
    this.#scores[i] = score;
  }
}
