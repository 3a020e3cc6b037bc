// Which texts have a word: what a search in texts looks up instead of reading them all. Made when it is first asked, and gone
// on from when texts were added since.

import { wordsOf } from './filter.ts';

export class Words {
  /** Codes of texts, ascending. */
  readonly #codesWith = new Map<string, number[]>();
  #through = 0;

  /** The codes of the texts that have all of `words`. `values` by code: those that are no text have no words. */
  having(words: readonly string[], values: readonly unknown[]): readonly number[] {
    for (; this.#through < values.length; this.#through++) this.#add(this.#through, values[this.#through]);
    const lists = words.map((word) => this.#codesWith.get(word) ?? []);
    lists.sort((a, b) => a.length - b.length);
    return lists.reduce(shared);
  }

  #add(code: number, text: unknown): void {
    if (typeof text !== 'string') return;
    for (const word of new Set(wordsOf(text))) {
      const codes = this.#codesWith.get(word);
      if (codes) codes.push(code);
      else this.#codesWith.set(word, [code]);
    }
  }
}

/** What is in both of two ascending lists. */
function shared(a: readonly number[], b: readonly number[]): number[] {
  const both: number[] = [];
  let at = 0;
  for (const one of a) {
    while (at < b.length && b[at]! < one) at++;
    if (b[at] === one) both.push(one);
  }
  return both;
}
