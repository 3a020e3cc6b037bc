// The rows that pass a filter: whether one does, how many about, and which all are, each found out when it is first asked for. Ids
// and groups are asked of the caller, whose store has an index on both.

import type { Bits } from '../math/bits.ts';
import type { Columns } from './columns.ts';
import { type Condition, combined, type Filter, type Kept, overlap, testsOf, typesOf } from './filter.ts';

/** Rows of items or groups by their ids, in any order; the same row never twice. */
export type RowsOf = (kind: 'id' | 'group', values: ReadonlySet<string>) => Iterable<number>;

/** Rows that are looked at for an estimate; and how many of the first of them pass where it ends, for better or worse. */
const SAMPLE = 512;
const ENOUGH = 64;
const FIRST = 64;
/** With fewer that pass it would be too rough. */
const FEWEST = 16;
/** Multiples of it, less their whole parts, are spread evenly, whatever period the rows have. */
const GOLDEN = 0.6180339887498949;

/** Good until the next change. */
export class Selection {
  readonly #filter: Filter;
  readonly #columns: Columns;
  readonly #live: Bits;
  readonly #size: number;
  readonly #rowsOf: RowsOf;
  /** Rows of conditions on ids and groups. */
  readonly #rows = new Map<Filter, ReadonlySet<number>>();
  #made: { mask: Bits; matches: number } | undefined;
  #share: number | undefined;

  /** `live`: the rows to choose from, `size` of them. */
  constructor(options: { filter: Filter; columns: Columns; live: Bits; size: number; rowsOf: RowsOf }) {
    this.#filter = options.filter;
    this.#columns = options.columns;
    this.#live = options.live;
    this.#size = options.size;
    this.#rowsOf = options.rowsOf;
  }

  /** The rows that pass: looks at all of them. */
  get mask(): Bits {
    return this.#all().mask;
  }

  get matches(): number {
    return this.#all().matches;
  }

  /** The share of rows that passes: about, as some rows let expect; exact where these do not tell. */
  get share(): number {
    this.#share ??= this.#sampled() ?? (this.#size === 0 ? 0 : this.matches / this.#size);
    return this.#share;
  }

  /** Of a live row. */
  passes(row: number): boolean {
    return combined(this.#filter, (one) =>
      one.kind === 'test' ? this.#columns.passes(one.key, one.test, row) : this.#named(one).has(row),
    );
  }

  /** Attributes that the filter names and no row has. */
  get unknown(): readonly string[] {
    const keys = new Set(Array.from(testsOf(this.#filter), ({ key }) => key));
    return [...keys].filter((key) => !this.#columns.has(key));
  }

  /** Attributes, and what they are compared with: values of types that none of theirs has. */
  get mistyped(): readonly { key: string; asked: readonly string[]; types: readonly string[] }[] {
    return [...testsOf(this.#filter)].flatMap(({ key, test }) => {
      const types = this.#columns.types(key);
      const asked = [...typesOf(test)];
      if (types.size === 0 || asked.length === 0 || asked.some((type) => types.has(type))) return [];
      return [{ key, asked, types: [...types] }];
    });
  }

  #all(): { mask: Bits; matches: number } {
    if (!this.#made) {
      const mask = this.#live.copy();
      this.#narrow(mask, this.#filter, true);
      this.#made = { mask, matches: mask.count() };
    }
    return this.#made;
  }

  #sampled(): number | undefined {
    const { rows } = this.#columns;
    if (this.#made || rows < 2 * SAMPLE) return undefined;
    let [looked, passed] = [0, 0];
    for (let i = 1; i <= SAMPLE && passed < ENOUGH; i++) {
      if (looked === FIRST && passed === 0) return undefined;
      const row = Math.floor(((i * GOLDEN) % 1) * rows);
      if (!this.#live.has(row)) continue;
      looked++;
      if (this.passes(row)) passed++;
    }
    return passed < FEWEST ? undefined : passed / looked;
  }

  /** Removes the rows from `mask` that do not pass, or those that do where `keep` is false. */
  #narrow(mask: Bits, filter: Filter, keep: boolean): void {
    const parts = partsOf(filter, keep);
    // What is looked up fast first: the fewer rows are left, the less there is to do.
    parts.sort((a, b) => this.#costOf(a.filter) - this.#costOf(b.filter));
    const keys = new Set<string>();
    for (const { filter: one, keep: kept } of parts) {
      if (one.kind === 'test') {
        // Those on one key together: the rows are gone through once.
        if (!keys.has(one.key)) this.#columns.narrow(mask, one.key, testsOn(one.key, parts));
        keys.add(one.key);
      } else if ('values' in one) {
        const named = this.#named(one);
        if (kept) mask.retain(named);
        else for (const row of named) mask.delete(row);
      } else {
        const none = mask.copy();
        this.#narrow(none, one, !kept);
        mask.exclude(none);
      }
    }
  }

  /** Values that its tests look at. */
  #costOf(filter: Filter): number {
    if ('of' in filter) return [filter.of].flat().reduce((sum, one) => sum + this.#costOf(one), 0);
    return filter.kind === 'test' ? this.#columns.distinct(filter.key) : 0;
  }

  #named(filter: Condition & { kind: 'id' | 'group' }): ReadonlySet<number> {
    const known = this.#rows.get(filter);
    if (known) return known;
    const rows = new Set(this.#rowsOf(filter.kind, filter.values));
    this.#rows.set(filter, rows);
    return rows;
  }
}

/** A condition or a choice. */
interface Part {
  readonly filter: Filter;
  readonly keep: boolean;
}

/** What a row has to pass all of, or none where `keep` is false, so that it passes the filter, or does not: a `not` moves down (De Morgan). */
function partsOf(filter: Filter, keep: boolean): Part[] {
  if (filter.kind === 'not') return partsOf(filter.of, !keep);
  if ('of' in filter && (filter.of.length === 1 || (filter.kind === 'all') === keep)) {
    return filter.of.flatMap((one) => partsOf(one, keep));
  }
  return [{ filter, keep }];
}

/** Several ranges become one; not those of tags, each of which another tag may be in. */
function testsOn(key: string, parts: readonly Part[]): Kept[] {
  const tests: Kept[] = [];
  for (const { filter, keep } of parts) {
    if (filter.kind !== 'test' || filter.key !== key) continue;
    const { test } = filter;
    const other = tests.findIndex((one) => keep && one.keep && overlap(one.test, test));
    if (key === 'tags' || other < 0) tests.push({ test, keep });
    else tests[other] = { test: overlap(tests[other]!.test, test)!, keep };
  }
  return tests;
}
