// Filters as one writes them in a URL: `brand = "x" AND (price < 100 OR NOT tags IN ["red"])`. A tokenizer and a
// recursive descent; docs/api.md has the grammar.

import { AttractorError } from '../errors/error.ts';
import { Conditions } from './conditions.ts';
import type { Filter, Scalar } from './filter.ts';

interface Token {
  readonly kind: 'name' | 'text' | 'number' | 'sign' | 'end';
  /** A text's or name's value, without its quotes. */
  readonly value: string;
  /** Where it begins, from 0. */
  readonly at: number;
}

/** Characters of what was not understood that an error shows. */
const SHOWN = 40;

const TOKEN =
  /\s*(?:(?<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|`(?<quoted>[^`]+)`|(?<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\p{L}\p{N}_]))|(?<name>[\p{L}_][\p{L}\p{N}_.-]*)|(?<sign>!=|<=|>=|[=<>()[\],]))/uy;

/** Words that are no attribute unless they stand in backquotes; in any case. */
const KEYWORDS = ['and', 'or', 'not', 'in', 'is', 'null', 'empty', 'to', 'contains', 'true', 'false'];

export function readExpression(source: string): Filter {
  return new Reader(source).read();
}

class Reader {
  readonly #source: string;
  readonly #conditions = new Conditions();
  #token: Token;
  #end = 0;

  constructor(source: string) {
    this.#source = source;
    this.#token = this.#scan();
  }

  read(): Filter {
    const filter = this.#any(1);
    if (this.#token.kind !== 'end') throw this.#unexpected('AND, OR or the end');
    return filter;
  }

  #any(depth: number): Filter {
    this.#conditions.checkDepth(depth, 'filter');
    const of = [this.#all(depth)];
    while (this.#takeWord('or')) of.push(this.#all(depth));
    return of.length === 1 ? of[0]! : { kind: 'any', of };
  }

  #all(depth: number): Filter {
    const of = [this.#not(depth)];
    while (this.#takeWord('and')) of.push(this.#not(depth));
    return of.length === 1 ? of[0]! : { kind: 'all', of };
  }

  #not(depth: number): Filter {
    this.#conditions.checkDepth(depth, 'filter');
    if (this.#takeWord('not')) return not(this.#not(depth + 1));
    if (!this.#takeSign('(')) return this.#comparison();
    const inner = this.#any(depth + 1);
    this.#expectSign(')');
    return inner;
  }

  #comparison(): Filter {
    const { kind, value: key } = this.#token;
    if (kind !== 'name' || this.#isKeyword()) throw this.#unexpected('the name of an attribute');
    this.#next();
    const conditions = this.#conditions;
    const at = `filter: ${key}`;
    if (key === 'has_id') {
      const ids = this.#takeSign('=') ? [this.#value()] : this.#list('= or IN');
      return conditions.ids(ids, at);
    }
    if (this.#takeSign('=')) return conditions.in(key, [this.#value()], at);
    if (this.#takeSign('!=')) return not(conditions.in(key, [this.#value()], at));
    for (const [sign, name] of [
      ['<', 'lt'],
      ['<=', 'lte'],
      ['>', 'gt'],
      ['>=', 'gte'],
    ] as const) {
      if (this.#takeSign(sign)) return conditions.range(key, { [name]: this.#value() }, at);
    }
    if (this.#takeWord('is')) {
      const negated = this.#takeWord('not');
      if (!this.#takeWord('null') && !this.#takeWord('empty')) throw this.#unexpected('NULL or EMPTY');
      const empty = conditions.empty(key, at);
      return negated ? not(empty) : empty;
    }
    if (this.#token.kind === 'number' || this.#token.kind === 'text') {
      const gte = this.#value() as number | string;
      if (!this.#takeWord('to')) throw this.#unexpected('TO');
      return conditions.range(key, { gte, lte: this.#value() as number | string }, at);
    }
    const negated = this.#takeWord('not');
    const filter = this.#takeWord('contains')
      ? conditions.text(key, this.#value(), at)
      : conditions.in(key, this.#list('=, !=, <, <=, >, >=, IN, CONTAINS, IS or a number'), at);
    return negated ? not(filter) : filter;
  }

  /** `IN [a, b]`. */
  #list(expected: string): Scalar[] {
    if (!this.#takeWord('in')) throw this.#unexpected(expected);
    this.#expectSign('[');
    const values: Scalar[] = [];
    if (this.#takeSign(']')) return values;
    do values.push(this.#value());
    while (this.#takeSign(','));
    this.#expectSign(']');
    return values;
  }

  #value(): Scalar {
    const { kind, value } = this.#token;
    if (kind === 'text') return this.#next(value);
    if (kind === 'number') return this.#next(Number(value));
    if (this.#takeWord('true')) return true;
    if (this.#takeWord('false')) return false;
    throw this.#unexpected('a number, true, false, or a text in quotes');
  }

  #isKeyword(): boolean {
    return this.#source[this.#token.at] !== '`' && KEYWORDS.includes(this.#token.value.toLowerCase());
  }

  #takeWord(word: string): boolean {
    const found =
      this.#token.kind === 'name' && this.#isKeyword() && this.#token.value.toLowerCase() === word;
    return found && this.#next(true);
  }

  #takeSign(sign: string): boolean {
    return this.#token.kind === 'sign' && this.#token.value === sign && this.#next(true);
  }

  #expectSign(sign: string): void {
    if (!this.#takeSign(sign)) throw this.#unexpected(`"${sign}"`);
  }

  #next<T>(result: T): T;
  #next(): void;
  #next(result?: unknown): unknown {
    this.#token = this.#scan();
    return result;
  }

  #scan(): Token {
    const rest = this.#source.slice(this.#end);
    const at = this.#end + rest.length - rest.trimStart().length;
    if (at === this.#source.length) return { kind: 'end', value: '', at };
    TOKEN.lastIndex = this.#end;
    const groups = TOKEN.exec(this.#source)?.groups;
    if (!groups) throw this.#wrong('a name, a value or a sign', at);
    this.#end = TOKEN.lastIndex;
    const { text, quoted, number, name, sign } = groups;
    if (text !== undefined) return { kind: 'text', value: text.slice(1, -1).replace(/\\(.)/gs, '$1'), at };
    if (number !== undefined) return { kind: 'number', value: number, at };
    if (sign !== undefined) return { kind: 'sign', value: sign, at };
    return { kind: 'name', value: (quoted ?? name)!, at };
  }

  #unexpected(expected: string): Error {
    return this.#wrong(expected, this.#token.at);
  }

  #wrong(expected: string, at: number): Error {
    const rest = this.#source.slice(at);
    // As it stands there: quotes around it would look like those that are missing.
    const received = rest === '' ? 'the end' : rest.length > SHOWN ? `${rest.slice(0, SHOWN)}...` : rest;
    const where = `${expected} at character ${at + 1}`;
    return new AttractorError('invalid_argument', `filter: expected ${where}, received ${received}`, {
      field: 'filter',
      expected: where,
      received,
    });
  }
}

function not(of: Filter): Filter {
  return { kind: 'not', of };
}
