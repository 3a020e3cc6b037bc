import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitByLayout, splitQueries } from '../../src/dataset/published-split.ts';
import { classFolds, firstClasses, splitClasses } from '../../src/dataset/split.ts';

describe('splitClasses', () => {
  it('puts every row on one side and every class on one side', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 80 }),
        fc.double({ min: 0.1, max: 0.9, noNaN: true }),
        fc.nat(),
        (classes, fraction, seed) => {
          const labels = classes.map((c) => `c${c}`);
          const count = new Set(labels).size;
          const wanted = Math.round(fraction * count);
          fc.pre(wanted > 0 && wanted < count);
          const { kept, held } = splitClasses({ labels, fraction, seed });
          expect([...kept, ...held].sort((a, b) => a - b)).toEqual(labels.map((_, i) => i));
          const heldClasses = new Set(held.map((i) => labels[i]));
          expect(heldClasses.size).toBe(wanted);
          expect(kept.some((i) => heldClasses.has(labels[i]))).toBe(false);
        },
      ),
    );
  });

  it('depends on the classes and the seed, not on order or number of rows', () => {
    const labels = Array.from({ length: 40 }, (_, i) => `c${i % 20}`);
    const heldOf = (list: string[], seed: number) =>
      [...new Set(splitClasses({ labels: list, fraction: 0.5, seed }).held.map((i) => list[i]!))].sort();
    expect(heldOf([...labels].reverse().slice(7), 1)).toEqual(heldOf(labels, 1));
    expect(heldOf(labels, 2)).not.toEqual(heldOf(labels, 1));
  });

  it('holds out nothing at 0 and refuses a share that leaves a side empty', () => {
    expect(splitClasses({ labels: ['a', 'b'], fraction: 0, seed: 1 })).toEqual({ kept: [0, 1], held: [] });
    expect(() => splitClasses({ labels: ['a', 'b'], fraction: 0.1, seed: 1 })).toThrow(/fraction: expected/);
    expect(() => splitClasses({ labels: ['a', 'b'], fraction: 1, seed: 1 })).toThrow(/fraction: expected/);
  });
});

const someLabels = fc
  .array(fc.integer({ min: 0, max: 12 }), { minLength: 4, maxLength: 80 })
  .map((classes) => classes.map((c) => `c${c}`));

describe('classFolds', () => {
  it('holds out every class exactly once, in parts of about one size', () => {
    fc.assert(
      fc.property(someLabels, fc.integer({ min: 2, max: 5 }), fc.nat(), (labels, folds, seed) => {
        const count = new Set(labels).size;
        fc.pre(folds <= count);
        const splits = classFolds({ labels, folds, seed });
        expect(splits).toHaveLength(folds);
        const rows = labels.map((_, i) => i);
        expect(splits.flatMap(({ held }) => held).sort((a, b) => a - b)).toEqual(rows);
        for (const { kept, held } of splits) {
          expect([...kept, ...held].sort((a, b) => a - b)).toEqual(rows);
          const classes = new Set(held.map((i) => labels[i]));
          expect(kept.some((i) => classes.has(labels[i]))).toBe(false);
          expect([Math.floor(count / folds), Math.ceil(count / folds)]).toContain(classes.size);
        }
        expect(classFolds({ labels, folds, seed })).toEqual(splits);
      }),
    );
  });

  it('moves with the seed, not with the order of the rows, and needs a class for each fold', () => {
    const labels = Array.from({ length: 60 }, (_, i) => `c${i % 20}`);
    const heldOf = (list: string[], seed: number) =>
      [...new Set(classFolds({ labels: list, folds: 4, seed })[0]!.held.map((i) => list[i]!))].sort();
    expect(heldOf([...labels].reverse(), 1)).toEqual(heldOf(labels, 1));
    expect(heldOf(labels, 2)).not.toEqual(heldOf(labels, 1));
    expect(() => classFolds({ labels: ['a', 'b'], folds: 3, seed: 1 })).toThrow(
      /folds: expected .* 2 classes/,
    );
  });
});

describe('firstClasses', () => {
  it('keeps the first half by name, numbers as numbers', () => {
    const labels = ['10', '9', '2', '2', '100', '1'];
    expect(firstClasses({ labels })).toEqual({ kept: [1, 2, 3, 5], held: [0, 4] });
    expect(firstClasses({ labels, fraction: 0.2 })).toEqual({ kept: [5], held: [0, 1, 2, 3, 4] });
    for (const fraction of [0, 1, 0.9]) expect(() => firstClasses({ labels, fraction })).toThrow(/fraction/);
  });
});

describe('splitByLayout', () => {
  const rows = [
    { line: 1, label: 'a', split: 'train' },
    { line: 2, label: 'b', split: 'test', role: 'query' },
    { line: 3, label: 'b', split: 'test', role: 'gallery' },
    { line: 4, label: 'c', split: 'validation' },
    { line: 5, label: 'c', split: 'validation', role: 'both' },
  ] as const;

  it('gives each part, with rows of no role on both sides of the search', () => {
    expect(splitByLayout({ rows })).toEqual({
      ...{ train: [0], validation: [3, 4], test: [1, 2], queries: [1, 3, 4], gallery: [2, 3, 4], shared: [] },
    });
  });

  it('names classes that are on both sides', () => {
    const leaky = [...rows, { line: 6, label: 'c', split: 'train' as const }];
    expect(splitByLayout({ rows: leaky }).shared).toEqual(['c']);
  });

  it('refuses rows without a split and a side without rows', () => {
    expect(() => splitByLayout({ rows: [...rows, { line: 9, label: 'x' }] })).toThrow(/no split for line 9/);
    expect(() => splitByLayout({ rows: rows.slice(0, 1) })).toThrow(/nothing for evaluation/);
    expect(() => splitByLayout({ rows: rows.slice(1) })).toThrow(/nothing for training/);
  });
});

describe('splitQueries', () => {
  it('draws as many queries of each class as leave it a gallery row', () => {
    fc.assert(
      fc.property(someLabels, fc.integer({ min: 1, max: 3 }), fc.nat(), (labels, perClass, seed) => {
        const { queries, gallery } = splitQueries({ labels, perClass, seed });
        expect([...queries, ...gallery].sort((a, b) => a - b)).toEqual(labels.map((_, i) => i));
        for (const label of new Set(labels)) {
          const size = labels.filter((each) => each === label).length;
          const drawn = queries.filter((row) => labels[row] === label).length;
          expect(drawn).toBe(Math.min(perClass, size - 1));
        }
        expect(splitQueries({ labels, perClass, seed })).toEqual({ queries, gallery });
      }),
    );
    expect(() => splitQueries({ labels: ['a'], perClass: 0, seed: 1 })).toThrow(/perClass/);
  });
});
