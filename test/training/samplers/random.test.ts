import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRng, restoreRng } from '../../../src/math/rng.ts';
import { random } from '../../../training/samplers/random.ts';

const labelsOf = (samples: number) =>
  Int32Array.from({ length: samples }, (_, i) => i % Math.min(3, samples));

test('every sample once per epoch, those that fill up the last batch twice, none twice in a batch', () => {
  const size = fc.integer({ min: 1, max: 6 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), size, size, fc.nat(), (samples, a, b, seed) => {
      const sampler = random({ labels: labelsOf(samples), classesPerBatch: a, samplesPerClass: b });
      const { batch, batchesPerEpoch } = sampler;
      expect(batch).toBe(Math.min(a * b, samples));
      const order = sampler.epoch(createRng(seed));
      expect(order).toHaveLength(batch * batchesPerEpoch);
      expect(order.length - samples).toBeLessThan(batch);
      expect(new Set(order.subarray(0, samples)).size).toBe(samples);
      for (let at = 0; at < order.length; at += batch) {
        expect(new Set(order.subarray(at, at + batch)).size).toBe(batch);
      }
    }),
  );
});

test('an epoch follows from the random state alone, and epochs differ', () => {
  const sampler = random({ labels: labelsOf(50), classesPerBatch: 4, samplesPerClass: 3 });
  const rng = createRng(3);
  sampler.epoch(rng);
  const state = rng.state();
  const second = sampler.epoch(rng);
  expect(sampler.epoch(restoreRng(state))).toEqual(second);
  expect(sampler.epoch(rng)).not.toEqual(second);
});

test.each([
  [{ labels: Int32Array.of(0, 2), classesPerBatch: 1, samplesPerClass: 1 }, /no sample of class 1/],
  [{ labels: Int32Array.of(0), classesPerBatch: 1, samplesPerClass: 0 }, /samplesPerClass/],
])('refuses %j', (options, message) => {
  expect(() => random(options)).toThrow(message);
});
