// What a filter is once it has been read, and when one value passes one test. Its two written forms are json.ts and
// expression.ts; what it does to many rows at once is columns.ts.

export type Scalar = string | number | boolean;
/** An attribute's value, or the tags. */
export type Value = Scalar | readonly string[];

/** An item without tags has no value for `tags`. Types never mix: 5 is not "5", and a number has no range of strings. */
export type Test =
  /** Some value is one of these. */
  | { readonly op: 'in'; readonly values: ReadonlySet<Scalar> }
  /** Some value is none of these. */
  | { readonly op: 'outside'; readonly values: ReadonlySet<Scalar> }
  /** Some value has all of these words, as `wordsOf` gives them. */
  | { readonly op: 'text'; readonly words: readonly string[] }
  | ({ readonly op: 'range' } & Range)
  | { readonly op: 'empty' };

/** Bounds of one type; strings compare by UTF-16 units, so ISO dates by time. */
export interface Range {
  readonly gt?: number | string;
  readonly gte?: number | string;
  readonly lt?: number | string;
  readonly lte?: number | string;
}

export type Filter =
  | { readonly kind: 'all' | 'any'; readonly of: readonly Filter[] }
  | { readonly kind: 'not'; readonly of: Filter }
  | Condition;

export type Condition =
  /** `key` is `tags` or the name of an attribute. */
  | { readonly kind: 'test'; readonly key: string; readonly test: Test }
  /** Items by id, or of groups by id: the store knows which those are. */
  | { readonly kind: 'id' | 'group'; readonly values: ReadonlySet<string> };

/** Whether what passes the test is kept, or what does not. */
export interface Kept {
  readonly test: Test;
  readonly keep: boolean;
}

export type AttributeTest = Condition & { kind: 'test' };

/** All of them, however deep. */
export function* testsOf(filter: Filter): Generator<AttributeTest> {
  if ('of' in filter) for (const one of [filter.of].flat()) yield* testsOf(one);
  else if (filter.kind === 'test') yield filter;
}

/** Long work lets others go first now and then. */
export interface Turns {
  /** To be asked every millisecond or so. */
  readonly over: boolean;
  next(): Promise<void>;
}

/** Whether a filter passes where `met` says it of its conditions. */
export function combined(filter: Filter, met: (condition: Condition) => boolean): boolean {
  switch (filter.kind) {
    case 'all':
      return filter.of.every((one) => combined(one, met));
    case 'any':
      return filter.of.some((one) => combined(one, met));
    case 'not':
      return !combined(filter.of, met);
    default:
      return met(filter);
  }
}

export function passes(test: Test, value: Value | undefined): boolean {
  if (typeof value !== 'object') return value === undefined ? test.op === 'empty' : met(test, value);
  return value.length === 0 ? test.op === 'empty' : value.some((one) => met(test, one));
}

function met(test: Test, value: Scalar): boolean {
  switch (test.op) {
    case 'in':
      return test.values.has(value);
    case 'outside':
      return !test.values.has(value);
    case 'text':
      return typeof value === 'string' && hasWords(value, test.words);
    case 'range':
      return inRange(value, test);
    case 'empty':
      return false;
  }
}

/** What the values of the test are: of other types than these it never passes, nor does it fail for their sake. */
export function typesOf(test: Test): ReadonlySet<string> {
  switch (test.op) {
    case 'in':
    case 'outside':
      return new Set([...test.values].map((value) => typeof value));
    case 'text':
      return new Set(['string']);
    case 'range':
      return new Set([typeOf(test)]);
    case 'empty':
      return new Set();
  }
}

/** Lower case, whole words: runs of letters and digits of any script. */
export function wordsOf(text: string): string[] {
  return (
    text
      .normalize('NFKC')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  );
}

function hasWords(text: string, words: readonly string[]): boolean {
  const present = new Set(wordsOf(text));
  return words.every((word) => present.has(word));
}

/** Of a range's bounds. */
export function typeOf({ gt, gte, lt, lte }: Range): string {
  return typeof (gt ?? gte ?? lt ?? lte);
}

/** The range of what is in both; undefined where two tests are not that, or of different types. */
export function overlap(a: Test, b: Test): Test | undefined {
  if (a.op !== 'range' || b.op !== 'range' || typeOf(a) !== typeOf(b)) return undefined;
  const [gt, gte] = [higher(a.gt, b.gt), higher(a.gte, b.gte)];
  const [lt, lte] = [lower(a.lt, b.lt), lower(a.lte, b.lte)];
  return { op: 'range', gt, gte, lt, lte };
}

type Bound = Range[keyof Range];
const higher = (a: Bound, b: Bound): Bound => (a === undefined || (b !== undefined && b > a) ? b : a);
const lower = (a: Bound, b: Bound): Bound => (a === undefined || (b !== undefined && b < a) ? b : a);

export function inRange(value: Scalar, range: Range): boolean {
  const { gt, gte, lt, lte } = range;
  if (typeof value !== typeOf(range)) return false;
  return !(
    (gt !== undefined && !(value > gt)) ||
    (gte !== undefined && !(value >= gte)) ||
    (lt !== undefined && !(value < lt)) ||
    (lte !== undefined && !(value <= lte))
  );
}
