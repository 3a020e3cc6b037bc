import { describe, expect, it } from 'vitest';
import type { DatasetRow, Split } from '../../src/dataset/row.ts';
import { testSplit } from '../../training/test-split.ts';

const row = (label: string, split?: Split, role?: DatasetRow['role']): DatasetRow => ({
  ...{ line: 1, id: label, label, image: '/x.png', tags: [], attributes: {} },
  ...{ split, role },
});

describe('what nothing is fitted on', () => {
  const own = [
    row('a', 'train'),
    row('b', 'test'),
    row('c', 'validation'),
    row('a', 'train'),
    row('d', 'test'),
  ];

  it("is the data set's own test classes where it has a split and no share is asked for", () => {
    const found = testSplit({ rows: own, fraction: undefined, seed: 1 });
    expect(found).toEqual({ kept: [0, 2, 3], held: [1, 4], own: true });
  });

  it('is drawn where a share is asked for, nothing where there is neither', () => {
    const drawn = testSplit({ rows: own, fraction: 0.5, seed: 1 });
    expect(drawn.own).toBe(false);
    expect(drawn.held.length + drawn.kept.length).toBe(5);
    expect(testSplit({ rows: [row('a'), row('b')], fraction: undefined, seed: 1 })).toEqual({
      ...{ kept: [0, 1], held: [], own: false },
    });
  });

  it('is refused where a class is on both sides', () => {
    const rows = [...own, row('b', 'train')];
    expect(() => testSplit({ rows, fraction: undefined, seed: 1 })).toThrow(
      /1 classes on both sides, such as "b"/,
    );
    expect(testSplit({ rows, fraction: 0, seed: 1 }).held).toEqual([]);
  });

  it('has the sides of a search where the data set names them, as places among what is held', () => {
    const rows = [
      ...[row('a', 'train'), row('b', 'test', 'gallery'), row('c', 'validation', 'query')],
      ...[row('b', 'test', 'query'), row('d', 'test', 'both'), row('d', 'test')],
    ];
    const { held, sides } = testSplit({ rows, fraction: undefined, seed: 1 });
    expect(held).toEqual([1, 3, 4, 5]);
    expect(sides).toEqual({ queries: [1, 2, 3], gallery: [0, 2, 3] });
    expect(() => testSplit({ rows: rows.slice(0, 2), fraction: undefined, seed: 1 })).toThrow(
      /test classes have no queries/,
    );
    expect(testSplit({ rows, fraction: 0.5, seed: 1 }).sides).toBeUndefined();
  });
});
