// Which texts have a word: what a search in texts looks up instead of reading them all. Made when it is first asked, and gone
// on from when texts were added since.

import { type Turns, wordsOf } from './filter.ts';
import { firstAt } from './first-at.ts';

/** Texts that are read between two looks at the clock. */
const STEP = 256;

export class Words {
  /** Codes of texts, ascending. */
  readonly #codesWith = new Map<string, number[]>();
  #through = 0;

  /** Reads the texts, in turns. `values` by code: those that are no text have no words. */
  async prepare(values: readonly unknown[], turns: Turns): Promise<void> {
    while (this.#through < values.length) {
      this.#read(values, Math.min(values.length, this.#through + STEP));
      if (turns.over) await turns.next();
    }
  }

  /** Whether the text of a code has all of `words`. */
  has(code: number, words: readonly string[], values: readonly unknown[]): boolean {
    this.#read(values, values.length);
    return words.every((word) => includes(this.#codesWith.get(word) ?? [], code));
  }

  /** The codes of the texts that have all of `words`. */
  having(words: readonly string[], values: readonly unknown[]): readonly number[] {
    this.#read(values, values.length);
    const lists = words.map((word) => this.#codesWith.get(word) ?? []);
    lists.sort((a, b) => a.length - b.length);
    return lists.reduce(shared);
  }

  #read(values: readonly unknown[], end: number): void {
    for (; this.#through < end; this.#through++) {
      const text = values[this.#through];
      if (typeof text !== 'string') continue;
      for (const word of new Set(wordsOf(text))) {
        const codes = this.#codesWith.get(word);
        if (codes) codes.push(this.#through);
        else this.#codesWith.set(word, [this.#through]);
      }
    }
  }
}

const includes = (ascending: readonly number[], one: number): boolean =>
  ascending[firstAt(ascending.length, (i) => ascending[i]! >= one)] === one;

/** What is in both of two ascending lists, the first of them the shorter one. */
function shared(a: readonly number[], b: readonly number[]): number[] {
  const both: number[] = [];
  let at = 0;
  for (const one of a) {
    // In leaps that grow, then shrink: of a common word's many texts few are looked at.
    let leap = 1;
    for (; b[at + leap]! < one; leap *= 2) at += leap;
    for (; leap >= 1; leap /= 2) if (b[at + leap]! < one) at += leap;
    if (b[at]! < one) at++;
    if (b[at] === one) both.push(one);
  }
  return both;
}
