// The texts of a dictionary in their order, so that a range of them is found by two binary searches: comparing 200,000 takes
// milliseconds, every time. Numbers are compared one by one: that takes a tenth, and sorting them would not pay.

import type { Range } from './filter.ts';

/** Texts that came since the last sorting are compared one by one: up to so many, and so much of all. */
const TAIL = 1024;
const TAIL_SHARE = 1 / 16;

export class SortedTexts {
  #sorted: number[] = [];
  /** Codes of texts that are not sorted yet. */
  #tail: number[] = [];
  #through = 0;

  /** Calls `visit` with the codes of the texts in `range`, whose bounds are texts. `values` by code. */
  within(range: Range, values: readonly unknown[], visit: (code: number) => void): void {
    for (; this.#through < values.length; this.#through++) {
      if (typeof values[this.#through] === 'string') this.#tail.push(this.#through);
    }
    const texts = values as readonly string[];
    if (this.#tail.length > Math.max(TAIL, TAIL_SHARE * this.#sorted.length)) {
      // Two ascending runs, to this sort, are merged in one go.
      this.#tail.sort((a, b) => (texts[a]! < texts[b]! ? -1 : 1));
      this.#sorted = this.#sorted.concat(this.#tail).sort((a, b) => (texts[a]! < texts[b]! ? -1 : 1));
      this.#tail = [];
    }
    const { gt, gte, lt, lte } = range as Record<keyof Range, string | undefined>;
    const above = (text: string) => (gt === undefined || text > gt) && (gte === undefined || text >= gte);
    const below = (text: string) => (lt === undefined || text < lt) && (lte === undefined || text <= lte);
    const sorted = this.#sorted;
    const end = firstAt(sorted.length, (i) => !below(texts[sorted[i]!]!));
    for (let i = firstAt(sorted.length, (i) => above(texts[sorted[i]!]!)); i < end; i++) visit(sorted[i]!);
    for (const code of this.#tail) if (above(texts[code]!) && below(texts[code]!)) visit(code);
  }
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
