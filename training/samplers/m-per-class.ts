// Balanced batches: a fixed number of photos of each of a fixed number of classes.

import { checkSizes, type Sampler, type SamplerOptions, samplesByClass } from './sampler.ts';

/**
 * An epoch is as many batches as hold every sample once, or every class once if that is more. It takes the classes in
 * turn, in random order, never one twice in a batch; and of each class its samples in turn, none again before all of
 * them had theirs. A class with fewer than `samplesPerClass` samples repeats them.
 */
export function mPerClass(options: SamplerOptions): Sampler {
  checkSizes(options);
  const { labels, samplesPerClass } = options;
  const members = samplesByClass(labels);
  const classes = members.length;
  const classesPerBatch = Math.min(options.classesPerBatch, classes);
  const batch = classesPerBatch * samplesPerClass;
  const batchesPerEpoch = Math.max(Math.ceil(labels.length / batch), Math.ceil(classes / classesPerBatch));

  return {
    classes,
    batch,
    batchesPerEpoch,
    epoch(rng) {
      const decks = members.map((samples) => rng.shuffle(samples.slice()));
      const drawn = new Int32Array(classes);
      const order = new Int32Array(batchesPerEpoch * batch);
      let waiting: number[] = [];
      let at = 0;
      for (let i = 0; i < batchesPerEpoch; i++) {
        // Those left over come first; a class among them is drawn again only in a later batch.
        if (waiting.length < classesPerBatch) waiting.push(...rng.shuffle(Int32Array.from(members.keys())));
        const chosen = new Set<number>();
        waiting = waiting.filter((label) => {
          if (chosen.size === classesPerBatch || chosen.has(label)) return true;
          chosen.add(label);
          return false;
        });
        for (const label of chosen) {
          const deck = decks[label]!;
          for (let k = 0; k < samplesPerClass; k++) {
            const turn = drawn[label]!++ % deck.length;
            if (turn === 0 && drawn[label]! > 1) rng.shuffle(deck);
            order[at++] = deck[turn]!;
          }
        }
      }
      return order;
    },
  };
}
