import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRng, restoreRng } from '../../../src/math/rng.ts';
import { mPerClass } from '../../../training/samplers/m-per-class.ts';

const counted = (values: Iterable<number>) => {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
};

/** Labels of 1 to 12 classes with 1 to 9 samples each, shuffled. */
const anyLabels = fc
  .tuple(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 }), fc.nat())
  .map(([sizes, seed]) =>
    createRng(seed).shuffle(Int32Array.from(sizes.flatMap((size, label) => Array(size).fill(label)))),
  );
const anySize = fc.integer({ min: 1, max: 5 });

describe('m-per-class', () => {
  test('every batch has m samples of each of its classes; every epoch has every class, evenly', () => {
    fc.assert(
      fc.property(anyLabels, anySize, anySize, fc.nat(), (labels, classesPerBatch, samplesPerClass, seed) => {
        const sampler = mPerClass({ labels, classesPerBatch, samplesPerClass });
        const order = sampler.epoch(createRng(seed));
        expect(order).toHaveLength(sampler.batch * sampler.batchesPerEpoch);
        expect(order.length).toBeGreaterThanOrEqual(labels.length);
        const classes = new Set(labels).size;
        const turns = new Map<number, number>();
        for (let start = 0; start < order.length; start += sampler.batch) {
          const batch = counted(
            order.subarray(start, start + sampler.batch).map((sample) => labels[sample]!),
          );
          expect(batch.size).toBe(Math.min(classesPerBatch, classes));
          for (const [label, count] of batch) {
            expect(count).toBe(samplesPerClass);
            turns.set(label, (turns.get(label) ?? 0) + 1);
          }
        }
        expect(turns.size).toBe(classes);
        expect(Math.max(...turns.values()) - Math.min(...turns.values())).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('takes the samples of a class in turn', () => {
    fc.assert(
      fc.property(anyLabels, anySize, anySize, fc.nat(), (labels, classesPerBatch, samplesPerClass, seed) => {
        const order = mPerClass({ labels, classesPerBatch, samplesPerClass }).epoch(createRng(seed));
        const drawn = counted(order);
        for (const label of new Set(labels)) {
          const members = [...labels.keys()].filter((sample) => labels[sample] === label);
          const times = members.map((sample) => drawn.get(sample) ?? 0);
          expect(Math.max(...times) - Math.min(...times)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  test('an epoch follows from the random state alone, and epochs differ', () => {
    const labels = Int32Array.from({ length: 60 }, (_, i) => i % 10);
    const sampler = mPerClass({ labels, classesPerBatch: 4, samplesPerClass: 3 });
    const rng = createRng(3);
    sampler.epoch(rng);
    const state = rng.state();
    const second = sampler.epoch(rng);
    expect(sampler.epoch(restoreRng(state))).toEqual(second);
    expect(sampler.epoch(rng)).not.toEqual(second);
  });

  test.each([
    [{ labels: Int32Array.of(0, 2), classesPerBatch: 1, samplesPerClass: 1 }, /no sample of class 1/],
    [{ labels: Int32Array.of(-1), classesPerBatch: 1, samplesPerClass: 1 }, /labels\[0\]/],
    [{ labels: Int32Array.of(), classesPerBatch: 1, samplesPerClass: 1 }, /one sample or more/],
    [{ labels: Int32Array.of(0), classesPerBatch: 0, samplesPerClass: 1 }, /classesPerBatch/],
    [{ labels: Int32Array.of(0), classesPerBatch: 1, samplesPerClass: 0.5 }, /samplesPerClass/],
  ])('refuses %j', (options, message) => {
    expect(() => mPerClass(options)).toThrow(message);
  });
});
