// The distinct values of one attribute, or the distinct lists of tags: a code for each, how many rows have it, and which of them
// pass a test. The rows are column.ts's.

import { boundsOf } from './bounds.ts';
import { inRange, passes, type Scalar, type Test, type Turns, typeOf, type Value } from './filter.ts';
import { SortedTexts } from './sorted-texts.ts';
import { Words } from './words.ts';

/** Dictionaries below this size are not worth rebuilding. */
const SMALL = 64;

export class Dictionary {
  /** By code. Code 0 stands for no value. */
  readonly #values: (Value | undefined)[] = [undefined];
  /** Rows with each code; not kept for code 0. */
  #uses = new Uint32Array(SMALL);
  /** By code: the value where it is a number, else NaN, for ranges. */
  #numbers: Float64Array = new Float64Array(SMALL).fill(Number.NaN);
  /** Of scalars the value, of lists their JSON text. */
  readonly #codeOf = new Map<Scalar, number>();
  /** Of lists: the codes of those that have an element. */
  readonly #codesWith = new Map<Scalar, number[]>();
  readonly #types = new Set<string>();
  readonly #texts = new SortedTexts();
  readonly #words = new Words();
  #used = 0;
  /** Codes that no row has any more. */
  #unused = 0;

  /** Codes there are, 0 among them. */
  get size(): number {
    return this.#values.length;
  }

  /** Rows that have a value. */
  get used(): number {
    return this.#used;
  }

  /** Of the values there are, or were until lately: `string`, `number`, `boolean`. */
  get types(): ReadonlySet<string> {
    return this.#types;
  }

  value(code: number): Value | undefined {
    return this.#values[code];
  }

  /** By code, NaN where the value is no number. */
  get numbers(): Float64Array {
    return this.#numbers;
  }

  /** The code of a value, a new one where it has none yet. */
  code(value: Value): number {
    const key = typeof value === 'object' ? JSON.stringify(value) : value;
    const known = this.#codeOf.get(key);
    if (known !== undefined) return known;
    const code = this.#values.length;
    this.#codeOf.set(key, code);
    this.#values.push(value);
    this.#unused++;
    if (code === this.#numbers.length) {
      const numbers = new Float64Array(2 * code).fill(Number.NaN);
      const uses = new Uint32Array(2 * code);
      numbers.set(this.#numbers);
      uses.set(this.#uses);
      this.#numbers = numbers;
      this.#uses = uses;
    }
    for (const one of typeof value === 'object' ? value : [value]) this.#types.add(typeof one);
    if (typeof value === 'number') this.#numbers[code] = value;
    if (typeof value === 'object') {
      for (const element of new Set(value)) {
        const codes = this.#codesWith.get(element);
        if (codes) codes.push(code);
        else this.#codesWith.set(element, [code]);
      }
    }
    return code;
  }

  /** A row that had `old` has `code` now. */
  moved(old: number, code: number): void {
    if (code !== 0 && this.#uses[code]!++ === 0) this.#unused--;
    if (old !== 0 && --this.#uses[old]! === 0) this.#unused++;
    this.#used += (code === 0 ? 0 : 1) - (old === 0 ? 0 : 1);
  }

  /** Most values are of no row: time for `rebuilt`. */
  get wasteful(): boolean {
    return this.#unused > SMALL && 2 * this.#unused > this.#values.length;
  }

  /** One without the values that no row has; every code becomes `to[code]`. */
  rebuilt(): { dictionary: Dictionary; to: Uint32Array } {
    const dictionary = new Dictionary();
    const to = new Uint32Array(this.#values.length);
    for (let code = 1; code < to.length; code++) {
      if (this.#uses[code] === 0) continue;
      to[code] = dictionary.code(this.#values[code]!);
      dictionary.#uses[to[code]!] = this.#uses[code]!;
    }
    dictionary.#unused = 0;
    dictionary.#used = this.#used;
    return { dictionary, to };
  }

  /** Makes what a test of texts is looked up in, if it is needed and not there. */
  prepare(test: Test, turns: Turns): Promise<void> | undefined {
    if (typeof this.#values[1] === 'object') return undefined;
    if (test.op === 'text') return this.#words.prepare(this.#values, turns);
    return test.op === 'range' && typeOf(test) === 'string'
      ? this.#texts.prepare(this.#values, turns)
      : undefined;
  }

  /** Of one value. */
  passes(test: Test, code: number): boolean {
    // Where numbers lie side by side; what is no number there is in no range.
    if (test.op === 'range' && typeOf(test) === 'number') return inRange(this.#numbers[code]!, test);
    const value = this.#values[code];
    // Taking a text apart is dear.
    if (test.op === 'text' && typeof value === 'string')
      return this.#words.has(code, test.words, this.#values);
    return passes(test, value);
  }

  /** Writes to `table`, one byte per code, whether its value passes, or does not where `keep` is false. */
  passing(test: Test, keep: boolean, table: Uint8Array): void {
    const [yes, no] = [Number(keep), Number(!keep)];
    table.fill(no);
    const mark = (code: number) => {
      table[code] = yes;
    };
    if (test.op === 'empty') {
      mark(0);
    } else if (typeof this.#values[1] === 'object') {
      // Every test but the one above is passed by a list that has an element which passes it.
      const elements = test.op === 'in' ? test.values : this.#codesWith.keys();
      for (const element of elements) {
        if (passes(test, element)) this.#codesWith.get(element)?.forEach(mark);
      }
    } else if (test.op === 'in') {
      for (const value of test.values) {
        const code = this.#codeOf.get(value);
        if (code !== undefined) mark(code);
      }
    } else if (test.op === 'outside') {
      this.passing({ op: 'in', values: test.values }, !keep, table);
      table[0] = no;
    } else if (test.op === 'text') {
      this.#words.having(test.words, this.#values).forEach(mark);
    } else {
      const bounds = boundsOf(test);
      if (bounds) markRange(this.#numbers, bounds, no, table);
      else this.#texts.within(test, this.#values, yes, table);
    }
  }
}

function markRange(
  numbers: Float64Array,
  [low, high]: readonly [number, number],
  no: number,
  table: Uint8Array,
): void {
  // Without branches: values come in any order, and a processor would guess wrong at every other. NaN is in no range.
  for (let code = 1; code < table.length; code++) {
    const value = numbers[code]!;
    table[code] = (Number(value >= low) & Number(value <= high)) ^ no;
  }
}
