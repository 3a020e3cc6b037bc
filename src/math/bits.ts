// A set of small whole numbers, such as rows: a bit for each, 32 in a word.

export class Bits {
  /** Number n is bit n % 32 of word n / 32; bits of numbers that were never added are 0. */
  #words: Int32Array;

  /** Room for the numbers below `length`. */
  constructor(length: number) {
    this.#words = new Int32Array(Math.ceil(length / 32));
  }

  static of(numbers: Iterable<number>, length: number): Bits {
    const bits = new Bits(length);
    for (const n of numbers) bits.add(n);
    return bits;
  }

  get words(): Int32Array {
    return this.#words;
  }

  has(n: number): boolean {
    return n >= 0 && ((this.#words[n >>> 5]! >>> (n & 31)) & 1) === 1;
  }

  /** Where there is room. */
  add(n: number): void {
    this.#words[n >>> 5]! |= 1 << (n & 31);
  }

  delete(n: number): void {
    this.#words[n >>> 5]! &= ~(1 << (n & 31));
  }

  /** The lowest number from `n` on; -1 where there is none. */
  next(n: number): number {
    const words = this.#words;
    let at = n >>> 5;
    for (let word = words[at]! & (-1 << (n & 31)); at < words.length; word = words[++at]!) {
      if (word !== 0) return 32 * at + 31 - Math.clz32(word & -word);
    }
    return -1;
  }

  /** How many there are from `n` on. */
  count(n = 0): number {
    const words = this.#words;
    let count = 0;
    for (let at = n >>> 5; at < words.length; at++) {
      let word = at === n >>> 5 ? words[at]! & (-1 << (n & 31)) : words[at]!;
      // The sums of pairs, of fours, of bytes, of all.
      word -= (word >>> 1) & 0x55555555;
      word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
      word = (word + (word >>> 4)) & 0x0f0f0f0f;
      count += Math.imul(word, 0x01010101) >>> 24;
    }
    return count;
  }

  copy(): Bits {
    const bits = new Bits(0);
    bits.#words = this.#words.slice();
    return bits;
  }

  /** Loses what is in `other`, which has as much room. */
  exclude(other: Bits): void {
    for (let i = 0; i < this.#words.length; i++) this.#words[i]! &= ~other.#words[i]!;
  }

  /** Loses what is not among `numbers`. */
  retain(numbers: Iterable<number>): void {
    const kept = [...numbers].filter((n) => this.has(n));
    this.clear();
    for (const n of kept) this.add(n);
  }

  clear(): void {
    this.#words.fill(0);
  }

  /** Makes room for the numbers below `length`. */
  grow(length: number): void {
    const words = new Int32Array(Math.max(this.#words.length, Math.ceil(length / 32)));
    words.set(this.#words);
    this.#words = words;
  }
}
