// Balanced batches: a fixed number of photos of each of a fixed number of classes. Holds no state: an epoch is drawn whole
// from a random state, so saving that state and a position in the epoch is enough to resume.

import { invalid } from '../../src/errors/error.ts';
import type { Rng } from '../../src/math/rng.ts';

export interface MPerClassOptions {
  /** Class of every sample: 0 to classes - 1, each with one sample or more. */
  readonly labels: Int32Array;
  /** At most the number of classes is used. */
  readonly classesPerBatch: number;
  readonly samplesPerClass: number;
}

export interface Sampler {
  readonly classes: number;
  readonly batch: number;
  readonly batchesPerEpoch: number;
  /** Sample indices of one epoch, batch after batch: [batchesPerEpoch * batch]. */
  epoch(rng: Rng): Int32Array;
}

/**
 * An epoch is as many batches as hold every sample once, or every class once if that is more. It takes the classes in
 * turn, in random order, never one twice in a batch; and of each class its samples in turn, none again before all of
 * them had theirs. A class with fewer than `samplesPerClass` samples repeats them.
 */
export function mPerClass(options: MPerClassOptions): Sampler {
  const { labels, samplesPerClass } = options;
  const members = samplesByClass(labels);
  const classes = members.length;
  for (const field of ['classesPerBatch', 'samplesPerClass'] as const) {
    if (!Number.isInteger(options[field]) || options[field] < 1) {
      throw invalid(field, 'a whole number of 1 or more', options[field]);
    }
  }
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

function samplesByClass(labels: Int32Array): Int32Array[] {
  const members: number[][] = [];
  for (const [i, label] of labels.entries()) {
    if (label < 0) throw invalid(`labels[${i}]`, 'a class index of 0 or more', label);
    if (label > labels.length) throw invalid(`labels[${i}]`, 'class indices without gaps', label);
    while (members.length <= label) members.push([]);
    members[label]!.push(i);
  }
  if (members.length === 0) throw invalid('labels', 'one sample or more', 'none');
  const empty = members.findIndex((samples) => samples.length === 0);
  if (empty >= 0) throw invalid('labels', 'class indices without gaps', `no sample of class ${empty}`);
  return members.map((samples) => Int32Array.from(samples));
}
