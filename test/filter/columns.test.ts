import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Columns } from '../../src/filter/columns.ts';
import type { FilterObject } from '../../src/filter/json.ts';
import { type FilterInput, readFilter } from '../../src/filter/read.ts';
import { Selection } from '../../src/filter/selection.ts';
import { Bits } from '../../src/math/bits.ts';
import { asExpression, type FilteredItem, filterObject, metadata, naivePasses } from '../reference/filter.ts';

function rowsIn(mask: Bits): number[] {
  const rows: number[] = [];
  for (let row = mask.next(0); row >= 0; row = mask.next(row + 1)) rows.push(row);
  return rows;
}

/** Rows as the index keeps them: in order, some of them dead, now and then squeezed. */
class Rows {
  readonly columns = new Columns();
  items: (FilteredItem | undefined)[] = [];

  push(item: FilteredItem): void {
    this.items.push(item);
    this.columns.push(item);
  }

  squeeze(): void {
    this.columns.squeeze(this.live);
    this.items = this.items.filter((item) => item !== undefined);
  }

  get live(): Bits {
    const live = [...this.items.keys()].filter((row) => this.items[row]);
    // With more room than there are rows, as the index's own.
    return Bits.of(live, this.items.length + 40);
  }

  select(filter: ReturnType<typeof readFilter>) {
    const size = this.items.filter(Boolean).length;
    const rowsOf = (kind: 'id' | 'group', values: ReadonlySet<string>) =>
      [...this.items.keys()].filter((row) => values.has(this.items[row]?.[kind] ?? 'none'));
    return new Selection({ filter, columns: this.columns, live: this.live, size, rowsOf });
  }

  /** What the filter of a written form keeps is what `naive` says, asked in either way. */
  expectKept(form: FilterInput, naive: FilterObject): void {
    const live = [...this.items.keys()].filter((row) => this.items[row]);
    const expected = live.filter((row) => naivePasses(naive, this.items[row]!));
    const selection = this.select(readFilter(form));
    expect(
      live.filter((row) => selection.passes(row)),
      JSON.stringify(form),
    ).toEqual(expected);
    expect(rowsIn(selection.mask), JSON.stringify(form)).toEqual(expected);
    expect(selection.matches).toBe(expected.length);
  }
}

const change = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constant('push' as const), item: metadata }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('set' as const), at: fc.nat(), item: metadata }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('clear' as const), at: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('squeeze' as const) }) },
);

describe('Columns', () => {
  test('any filter in either form keeps what the naive one keeps, after any changes', () => {
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 5, maxLength: 60 }),
        fc.array(filterObject, { minLength: 1, maxLength: 6 }),
        (changes, filters) => {
          const rows = new Rows();
          let next = 0;
          // Asked before the changes too: what is kept between questions must not outlive its rows.
          const check = () => {
            for (const filter of filters) {
              const expression = asExpression(filter);
              for (const form of expression === undefined ? [filter] : [filter, expression]) {
                rows.expectKept(form, filter);
              }
            }
          };
          changes.forEach((one, i) => {
            const live = [...rows.items.keys()].filter((row) => rows.items[row]);
            if (one.op === 'push') rows.push({ id: `i${next++}`, ...one.item });
            else if (one.op === 'squeeze') rows.squeeze();
            else if (live.length > 0) {
              const row = live[one.at % live.length]!;
              if (one.op === 'clear') {
                rows.columns.clear(row);
                rows.items[row] = undefined;
              } else {
                rows.items[row] = { id: rows.items[row]!.id, ...one.item };
                rows.columns.set(row, one.item);
              }
            }
            if (i === changes.length >> 1) check();
          });
          check();
        },
      ),
      { numRuns: 300 },
    );
  });

  test('many distinct values that come and go, rare attributes, late ones', () => {
    const rows = new Rows();
    const item = (n: number): FilteredItem => ({
      id: `i${n}`,
      group: 'g',
      tags: [`t${n % 500}`, `u${n % 3}`],
      attributes: {
        sku: `s${(n * 7919) % 10007}`,
        name: `Chair ${n % 100} of model ${n}`,
        price: n / 4,
        ...(n % 200 === 0 ? { rare: n } : {}),
        ...(n > 2500 ? { late: n % 2 === 0 } : {}),
        [`own${n}`]: true,
      },
    });
    for (let n = 0; n < 3000; n++) rows.push(item(n));
    const filters = [
      { must: { key: 'sku', match: { any: ['s7919', 's5831', 's10008'] } } },
      { must: { key: 'price', range: { gte: 100.25, lt: 500 } } },
      { must: { key: 'tags', match: { any: ['t7', 'u1'] } } },
      { must: { key: 'rare', range: { gt: 1000 } } },
      { must_not: { is_empty: { key: 'rare' } } },
      { must: { key: 'late', match: { value: true } } },
      { must: { is_empty: { key: 'late' } } },
      { must: { key: 'own1234', match: { value: true } } },
      { must: { key: 'sku', match: { text: 'S7919' } } },
      { must: { key: 'sku', match: { except: ['s7919', 's10008'] } } },
      { must: { key: 'sku', range: { gte: 's1', lt: 's25' } } },
      { must: { key: 'sku', range: { gt: 's2500' } } },
      { must: { key: 'sku', range: { gte: 's35', lt: 's4' } } },
      { must_not: { key: 'sku', range: { lte: 's1999' } } },
      { must: { key: 'sku', range: { gt: 's9', lt: 's1' } } },
      // Several conditions on one key: of an attribute's ranges one is made, of tags each may be met by another.
      {
        must: [
          { key: 'price', range: { gte: 100.25 } },
          { key: 'price', range: { gt: 50, lt: 500 } },
        ],
        must_not: { key: 'price', range: { gte: 200, lte: 300 } },
      },
      {
        must: [
          { key: 'sku', range: { gte: 's1' } },
          { key: 'sku', range: { gt: 's10', lt: 's25' } },
        ],
        must_not: [
          { key: 'sku', match: { text: 'S15' } },
          { key: 'sku', range: { gte: 's2', lt: 's21' } },
        ],
      },
      {
        must: [
          { key: 'price', range: { gte: 100 } },
          { key: 'price', range: { lt: 's25' } },
        ],
      },
      {
        must: [
          { key: 'tags', range: { gte: 't4', lt: 't41' } },
          { key: 'tags', range: { gt: 'u0' } },
          { key: 'tags', match: { except: ['t40'] } },
        ],
      },
      {
        should: [
          { key: 'tags', match: { value: 't7' } },
          { key: 'tags', match: { value: 'u1' } },
          { must_not: { key: 'tags', match: { text: 'u2' } } },
        ],
      },
      {
        should: [
          { key: 'price', range: { lt: 100 } },
          { key: 'price', range: { gte: 600 } },
        ],
      },
      { must: { key: 'name', match: { text: 'model, Chair 17' } } },
      { must: { key: 'name', match: { text: 'chair nothing' } } },
      { must: { key: 'tags', range: { gte: 't4', lt: 't41' } } },
      { must: { key: 'tags', match: { text: 'U2' } } },
      { must: { key: 'tags', match: { except: ['t7', 'u1'] } } },
      // So few rows are left after the first condition, in whichever order they are asked, that they are looked at one by one.
      {
        must: [
          { key: 'price', range: { lt: 600 } },
          { key: 'rare', range: { gt: 100 } },
        ],
      },
      {
        must: { key: 'tags', match: { value: 't7' } },
        must_not: [
          { key: 'name', match: { text: 'chair 7' } },
          { key: 'tags', match: { value: 'u1' } },
        ],
      },
      {
        should: [
          { key: 'late', match: { value: true } },
          { key: 'price', range: { gt: 300 } },
          { key: 'tags', match: { any: ['t7', 'u1'] } },
        ],
      },
    ];
    const check = () => {
      for (const filter of filters) rows.expectKept(filter, filter);
    };
    check();
    // Every price changes, thrice, and every sku, 600 of them to new ones: few enough to be looked at one by one, then too many. The
    // dictionaries are rebuilt without the old ones.
    for (let round = 1; round <= 3; round++) {
      for (let row = 0; row < 3000; row++) {
        const moved = item(row + 600 * round);
        rows.items[row] = { ...moved, attributes: { ...moved.attributes, price: row + round / 8 } };
        rows.columns.set(row, rows.items[row]!);
      }
      check();
    }
    for (let row = 0; row < 3000; row++) {
      if (row % 3 === 0) continue;
      rows.columns.clear(row);
      rows.items[row] = undefined;
    }
    check();
    rows.squeeze();
    check();
    for (let n = 0; n < 100; n++) rows.push(item(n));
    check();
  });

  test('what texts are looked up in is made in turns, whoever else asks and whatever is added meanwhile', async () => {
    const rows = new Rows();
    const push = () => {
      const n = rows.items.length;
      const attributes = { sku: `s${(n * 7919) % 10007}`, name: `Chair ${n % 100} of model ${n}` };
      rows.push({ id: `i${n}`, group: 'g', tags: [`t${n}`], attributes });
    };
    for (let n = 0; n < 3000; n++) push();
    const filters = [
      { must: { key: 'name', match: { text: 'chair 17' } } },
      { must_not: { key: 'sku', range: { gte: 's1', lt: 's25' } } },
      {
        should: [
          { key: 'sku', range: { gt: 's9' } },
          { key: 'tags', range: { gt: 't8' } },
        ],
      },
    ];
    let turns = 0;
    const next = async () => {
      if (turns++ < 50) for (let n = 0; n < 20; n++) push();
    };
    for (let round = 0; round < 3; round++) {
      const prepared = filters.map((filter) =>
        rows.columns.prepare(readFilter(filter), { over: true, next }),
      );
      await Promise.all(prepared);
      for (const filter of filters) rows.expectKept(filter, filter);
    }
    expect(turns).toBeGreaterThan(20);
    // Nothing is left to do, and nothing is done.
    const before = turns;
    for (const filter of filters) await rows.columns.prepare(readFilter(filter), { over: true, next });
    expect(turns).toBe(before);
  });

  test('attributes that no row has are named, however deep, and no longer when one has them', () => {
    const rows = new Rows();
    const filter = readFilter({
      must_not: [{ must: [{ key: 'colr', match: { value: 'red' } }] }, { is_null: { key: 'price' } }],
    });
    const unknown = () => rows.select(filter).unknown;
    expect(unknown()).toEqual(['colr', 'price']);
    rows.push({ id: 'i0', group: 'g', tags: [], attributes: { price: 1 } });
    expect(unknown()).toEqual(['colr']);
    rows.columns.set(0, { tags: [], attributes: { colr: 'red' } });
    expect(unknown()).toEqual(['price']);
    expect(rows.select(readFilter('tags = "x" AND group = "g" AND has_id = "i0"')).unknown).toEqual([]);
  });

  test('the share is near the truth, whatever period the rows have, and exact where few pass', () => {
    const rows = new Rows();
    for (let n = 0; n < 12_000; n++) {
      const attributes = { view: n % 6, place: n, rare: n % 400 === 0 };
      rows.push({ id: `i${n}`, group: `g${n % 3}`, tags: [], attributes });
    }
    for (let n = 0; n < 4000; n++) {
      rows.columns.clear(n);
      rows.items[n] = undefined;
    }
    const share = (filter: string) => rows.select(readFilter(filter)).share;
    const about: [string, number][] = [
      ['view = 2', 1 / 6],
      ['view != 2', 5 / 6],
      ['place < 8000', 1 / 2],
      ['view < 3 AND place >= 8000', 1 / 4],
      ['view = 1 OR group = "g0"', 1 / 2],
    ];
    for (const [filter, truth] of about) {
      expect(share(filter) / truth, filter).toBeGreaterThan(0.6);
      expect(share(filter) / truth, filter).toBeLessThan(1.5);
    }
    expect(share('rare = true')).toBe(20 / 8000);
    expect(share('place < 4100')).toBe(100 / 8000);
    expect(share('view = 7')).toBe(0);
    expect(share('view < 7')).toBe(1);
  });
});
