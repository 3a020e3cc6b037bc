// The texts of a dictionary in their order, so that a range of them is found by two binary searches: comparing 200,000 takes
// milliseconds, every time. Numbers are compared one by one: that takes a tenth, and sorting them would not pay.

import type { Range, Turns } from './filter.ts';

/** Texts that came since the last sorting are compared one by one: up to so many, and so much of all. */
const TAIL = 1024;
const TAIL_SHARE = 1 / 16;
/** Texts that are sorted, or merged, between two looks at the clock. */
const STEP = 1024;

export class SortedTexts {
  #sorted: readonly number[] = [];
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
    let runs: (readonly number[])[] = [];
    for (let at = 0; at < count; at += STEP) {
      const end = Math.min(count, at + STEP);
      runs.push(tail.slice(at, end).sort((a, b) => (texts[a]! < texts[b]! ? -1 : 1)));
      if (turns.over) await turns.next();
    }
    while (runs.length > 1) {
      const longer: (readonly number[])[] = [];
      for (let i = 0; i < runs.length; i += 2) {
        longer.push(await merged(runs[i]!, runs[i + 1] ?? [], texts, turns));
      }
      runs = longer;
    }
    const all = await merged(this.#sorted, runs[0]!, texts, turns);
    // Another query may have been first.
    if (this.#tail !== tail) return;
    this.#sorted = all;
    this.#tail = tail.slice(count);
  }

  /** Calls `visit` with the codes of the texts in `range`, whose bounds are texts. */
  within(range: Range, values: readonly unknown[], visit: (code: number) => void): void {
    this.#read(values);
    const texts = values as readonly string[];
    const { gt, gte, lt, lte } = range as Record<keyof Range, string | undefined>;
    const above = (text: string) => (gt === undefined || text > gt) && (gte === undefined || text >= gte);
    const below = (text: string) => (lt === undefined || text < lt) && (lte === undefined || text <= lte);
    const sorted = this.#sorted;
    const end = firstAt(sorted.length, (i) => !below(texts[sorted[i]!]!));
    for (let i = firstAt(sorted.length, (i) => above(texts[sorted[i]!]!)); i < end; i++) visit(sorted[i]!);
    for (const code of this.#tail) if (above(texts[code]!) && below(texts[code]!)) visit(code);
  }

  #read(values: readonly unknown[]): void {
    for (; this.#through < values.length; this.#through++) {
      if (typeof values[this.#through] === 'string') this.#tail.push(this.#through);
    }
  }
}

async function merged(
  a: readonly number[],
  b: readonly number[],
  texts: readonly string[],
  turns: Turns,
): Promise<readonly number[]> {
  const both: number[] = [];
  for (let i = 0; both.length < a.length + b.length; ) {
    const j = both.length - i;
    both.push(j === b.length || (i < a.length && texts[a[i]!]! < texts[b[j]!]!) ? a[i++]! : b[j]!);
    if (both.length % STEP === 0 && turns.over) await turns.next();
  }
  return both;
}

/** The first of `count` places from which on `holds` is true. */
function firstAt(count: number, holds: (i: number) => boolean): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
