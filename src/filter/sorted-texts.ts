// The texts of a dictionary in their order, so that a range of them is found by two binary searches: comparing 200,000 takes
// milliseconds, every time. Numbers are compared one by one: that takes a tenth, and sorting them would not pay.

import type { Range, Turns } from './filter.ts';
import { firstAt } from './first-at.ts';

/** Texts that came since the last sorting are compared one by one: up to so many, and so much of all. */
const TAIL = 1024;
const TAIL_SHARE = 1 / 16;
/** Texts that are sorted, or merged, between two looks at the clock. */
const STEP = 1024;

export class SortedTexts {
  #sorted = new Uint32Array(0);
  /** Codes of texts that are not sorted yet. */
  #tail: number[] = [];
  #through = 0;

  /** Sorts what is not sorted yet, where that is much, in turns. `values` by code. */
  async prepare(values: readonly unknown[], turns: Turns): Promise<void> {
    this.#read(values);
    const tail = this.#tail;
    if (tail.length <= Math.max(TAIL, TAIL_SHARE * this.#sorted.length)) return;
    const texts = values as readonly string[];
    const count = tail.length;
    let runs: Uint32Array[] = [];
    for (let at = 0; at < count; at += STEP) {
      const end = Math.min(count, at + STEP);
      runs.push(Uint32Array.from(tail.slice(at, end).sort((a, b) => (texts[a]! < texts[b]! ? -1 : 1))));
      if (turns.over) await turns.next();
    }
    while (runs.length > 1) {
      const longer: Uint32Array[] = [];
      for (let i = 0; i < runs.length; i += 2) {
        const [a, b] = [runs[i]!, runs[i + 1]];
        longer.push(b ? await merged(a, b, texts, turns) : a);
      }
      runs = longer;
    }
    const all = await merged(this.#sorted, runs[0]!, texts, turns);
    // Another query may have been first.
    if (this.#tail !== tail) return;
    this.#sorted = all;
    this.#tail = tail.slice(count);
  }

  /** Writes `mark` to `table` at the codes of the texts in `range`, whose bounds are texts. */
  within(range: Range, values: readonly unknown[], mark: number, table: Uint8Array): void {
    this.#read(values);
    const texts = values as readonly string[];
    const { gt, gte, lt, lte } = range as Record<keyof Range, string | undefined>;
    const above = (text: string) => (gt === undefined || text > gt) && (gte === undefined || text >= gte);
    const below = (text: string) => (lt === undefined || text < lt) && (lte === undefined || text <= lte);
    const sorted = this.#sorted;
    const first = firstAt(sorted.length, (i) => above(texts[sorted[i]!]!));
    const end = firstAt(sorted.length, (i) => !below(texts[sorted[i]!]!));
    // Most of all texts may be among them: nothing but writing.
    for (let i = first; i < end; i++) table[sorted[i]!] = mark;
    for (const code of this.#tail) if (above(texts[code]!) && below(texts[code]!)) table[code] = mark;
  }

  #read(values: readonly unknown[]): void {
    for (; this.#through < values.length; this.#through++) {
      if (typeof values[this.#through] === 'string') this.#tail.push(this.#through);
    }
  }
}

async function merged(
  a: Uint32Array,
  b: Uint32Array,
  texts: readonly string[],
  turns: Turns,
): Promise<Uint32Array<ArrayBuffer>> {
  const both = new Uint32Array(a.length + b.length);
  for (let [i, j] = [0, 0]; i + j < both.length; ) {
    const first = j === b.length || (i < a.length && texts[a[i]!]! < texts[b[j]!]!);
    both[i + j] = first ? a[i++]! : b[j++]!;
    if ((i + j) % STEP === 0 && turns.over) await turns.next();
  }
  return both;
}
