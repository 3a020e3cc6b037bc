// The run that the tests of resuming share: here, and in a child process that is killed.

import { potentialField } from '../../../training/losses/potential-field.ts';
import { type TrainHeadOptions, type TrainHeadResult, trainHead } from '../../../training/trainer/head.ts';
import { DIMENSION_IN, randomHead, recallAt1, syntheticSet } from './synthetic.ts';

const DIMENSION = 8;

/** Four epochs of eight steps, with two proxies per class. */
export function train(options: Partial<TrainHeadOptions> = {}): Promise<TrainHeadResult> {
  const { train, validation } = syntheticSet(1);
  return trainHead({
    ...train,
    dimensionIn: DIMENSION_IN,
    dimension: DIMENSION,
    initialHead: randomHead(1, DIMENSION),
    loss: potentialField({ proxiesPerClass: 2 }),
    classesPerBatch: 10,
    epochs: 4,
    warmupEpochs: 1,
    learningRate: 1e-2,
    validate: async (head) => ({ score: recallAt1(validation, head), metrics: { first: head[0]! } }),
    ...options,
  });
}

/** Everything the result is made of, to the bit. */
export const bits = ({ head, parameters, ...rest }: TrainHeadResult) => ({
  ...rest,
  tensors: [head, ...parameters.values()].map((data) =>
    Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex'),
  ),
});
