// The Sampler port: which samples make up the batches of an epoch. Holds no state: an epoch is drawn whole from a random state, so
// saving that state and a position in the epoch is enough to resume.

import { invalid } from '../../src/errors/error.ts';
import type { Rng } from '../../src/math/rng.ts';

export interface Sampler {
  readonly classes: number;
  readonly batch: number;
  readonly batchesPerEpoch: number;
  /** Sample indices of one epoch, batch after batch: [batchesPerEpoch * batch]. */
  epoch(rng: Rng): Int32Array;
}

export interface SamplerOptions {
  /** Class of every sample: 0 to classes - 1, each with one sample or more. */
  readonly labels: Int32Array;
  /** At most the number of classes is used. */
  readonly classesPerBatch: number;
  readonly samplesPerClass: number;
}

/** The samples of every class. Throws `invalid_argument` where class indices have gaps. */
export function samplesByClass(labels: Int32Array): Int32Array[] {
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

export function checkSizes(options: SamplerOptions): void {
  for (const field of ['classesPerBatch', 'samplesPerClass'] as const) {
    if (!Number.isInteger(options[field]) || options[field] < 1) {
      throw invalid(field, 'a whole number of 1 or more', options[field]);
    }
  }
}
