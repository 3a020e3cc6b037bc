// The metadata of all rows in memory, in the row order of the index, and what a filter keeps of them. Ids and groups are
// asked of the caller, whose store has an index on both.

import { Column } from './column.ts';
import { type Filter, passes, type Scalar, type Value } from './filter.ts';
import { countOnes, include } from './mask.ts';

export interface Metadata {
  readonly tags: readonly string[];
  readonly attributes: Readonly<Record<string, Value>>;
}

/** Rows of items or groups by their ids, in any order. */
export type RowsOf = (kind: 'id' | 'group', values: ReadonlySet<string>) => Iterable<number>;

export interface Selection {
  /** One byte per row: 1 where the row passes. */
  readonly mask: Uint8Array;
  readonly matches: number;
  /** What the counts of single conditions let expect, had they nothing to do with each other. */
  readonly estimated: number;
  /** Attributes that the filter names and no row has. */
  readonly unknown: readonly string[];
}

/** A filter with its conditions looked up: `share` is the part of the live rows that it is expected to keep. */
type Bound = { readonly share: number } & (
  | { readonly kind: 'all' | 'any'; readonly of: readonly Bound[] }
  | { readonly kind: 'rows'; readonly rows: readonly number[]; readonly keep: boolean }
  | { readonly kind: 'column'; readonly column: Column; readonly table: Uint8Array }
);

const ALL: Bound = { kind: 'all', of: [], share: 1 };
const NONE: Bound = { kind: 'any', of: [], share: 0 };

export class Columns {
  readonly #tags = new Column();
  readonly #attributes = new Map<string, Column>();
  #rows = 0;

  get rows(): number {
    return this.#rows;
  }

  /** The next row. */
  push(metadata: Metadata): void {
    this.#rows++;
    this.set(this.#rows - 1, metadata);
  }

  set(row: number, { tags, attributes }: Metadata): void {
    this.#tags.set(row, tags, this.#rows);
    for (const [name, column] of this.#attributes) {
      if (Object.hasOwn(attributes, name)) continue;
      column.set(row, undefined, this.#rows);
      if (column.used === 0) this.#attributes.delete(name);
    }
    for (const [name, value] of Object.entries(attributes)) {
      const column = this.#attributes.get(name) ?? new Column();
      this.#attributes.set(name, column);
      column.set(row, value, this.#rows);
    }
  }

  /** Of a row that is removed: it stays until `squeeze`. */
  clear(row: number): void {
    this.set(row, { tags: [], attributes: {} });
  }

  /** Row r becomes the number of 1s in `live` before r, where it has a 1; rows without one were cleared. */
  squeeze(live: Uint8Array): void {
    for (const column of [this.#tags, ...this.#attributes.values()]) column.squeeze(live, this.#rows);
    this.#rows = countOnes(live.slice(0, this.#rows));
  }

  /** The names of the attributes that some row has. */
  get attributes(): Iterable<string> {
    return this.#attributes.keys();
  }

  /** The value of `tags` or of an attribute in a row. */
  value(key: string, row: number): Value | undefined {
    return this.#column(key)?.value(row);
  }

  /** How many rows of `mask` have each value of `tags` or of an attribute. */
  counts(key: string, mask: Uint8Array): Map<Scalar, number> {
    return this.#column(key)?.counts(mask) ?? new Map();
  }

  #column(key: string): Column | undefined {
    return key === 'tags' ? this.#tags : this.#attributes.get(key);
  }

  /** `live` has one byte per row, 1 for the rows to choose from; `size` is how many of them there are. */
  select(options: { filter: Filter; live: Uint8Array; size: number; rowsOf: RowsOf }): Selection {
    const { filter, live, size, rowsOf } = options;
    const mask = live.slice(0, this.#rows);
    const bound = this.#bind(filter, true, size, rowsOf);
    narrow(bound, mask);
    const matches = countOnes(mask);
    const unknown = [...new Set(keysOf(filter))].filter((key) => !this.#column(key));
    return { mask, matches, estimated: Math.round(bound.share * size), unknown };
  }

  /** `keep` false: what does not pass. Not is moved down to the conditions (De Morgan), where it costs nothing. */
  #bind(filter: Filter, keep: boolean, size: number, rowsOf: RowsOf): Bound {
    if (filter.kind === 'not') return this.#bind(filter.of, !keep, size, rowsOf);
    if ('of' in filter) {
      const of = filter.of.map((one) => this.#bind(one, keep, size, rowsOf));
      if ((filter.kind === 'all') !== keep) {
        return { kind: 'any', of, share: 1 - of.reduce((share, one) => share * (1 - one.share), 1) };
      }
      // The strictest first: the others then have little left to look at.
      of.sort((a, b) => a.share - b.share);
      return { kind: 'all', of, share: of.reduce((share, one) => share * one.share, 1) };
    }
    if (filter.kind === 'test') {
      const column = this.#column(filter.key);
      if (!column) return passes(filter.test, undefined) === keep ? ALL : NONE;
      const { table, rows } = column.passing(filter.test, keep);
      const kept = rows + (table[0] === 1 ? size - column.used : 0);
      return { kind: 'column', column, table, share: size === 0 ? 0 : kept / size };
    }
    const rows = [...rowsOf(filter.kind, filter.values)];
    const share = size === 0 ? 0 : rows.length / size;
    return { kind: 'rows', rows, keep, share: keep ? share : 1 - share };
  }
}

function* keysOf(filter: Filter): Generator<string> {
  if ('of' in filter) for (const one of [filter.of].flat()) yield* keysOf(one);
  else if (filter.kind === 'test') yield filter.key;
}

/** Share of rows below which it is faster to look whether a row is still wanted before it is looked up. */
const FEW = 0.1;

/** Clears the bytes of `mask` whose rows do not pass; `few` where few are left. */
function narrow(bound: Bound, mask: Uint8Array, few = false): void {
  switch (bound.kind) {
    case 'all':
      for (const one of bound.of) narrow(one, mask, few || (one !== bound.of[0] && bound.of[0]!.share < FEW));
      return;
    case 'any': {
      const any = new Uint8Array(mask.length);
      for (const one of bound.of) {
        const kept = mask.slice();
        narrow(one, kept, few);
        include(any, kept);
      }
      mask.set(any);
      return;
    }
    case 'rows': {
      if (!bound.keep) {
        for (const row of bound.rows) mask[row] = 0;
        return;
      }
      const kept = bound.rows.filter((row) => mask[row] === 1);
      mask.fill(0);
      for (const row of kept) mask[row] = 1;
      return;
    }
    case 'column':
      bound.column.narrow(mask, bound.table, few);
  }
}
