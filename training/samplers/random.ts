// Batches at random: every sample once per epoch. The control for balanced batches, and what losses without pairs need.

import { checkSizes, type Sampler, type SamplerOptions, samplesByClass } from './sampler.ts';

/**
 * Batches of classesPerBatch · samplesPerClass samples, or of all of them where there are fewer. Where they do not divide, the
 * last batch is filled up with the first samples of the epoch; none is in a batch twice.
 */
export function random(options: SamplerOptions): Sampler {
  checkSizes(options);
  const { labels, classesPerBatch, samplesPerClass } = options;
  const classes = samplesByClass(labels).length;
  const samples = labels.length;
  const batch = Math.min(classesPerBatch * samplesPerClass, samples);
  const batchesPerEpoch = Math.ceil(samples / batch);
  return {
    ...{ classes, batch, batchesPerEpoch },
    epoch(rng) {
      const deck = rng.shuffle(Int32Array.from({ length: samples }, (_, i) => i));
      return Int32Array.from({ length: batchesPerEpoch * batch }, (_, i) => deck[i % samples]!);
    },
  };
}
