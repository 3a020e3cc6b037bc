// trainNetwork for the common case: a linear head on features that lie in memory.

import { createHash } from 'node:crypto';
import { invalid } from '../../src/errors/error.ts';
import { gatherRows } from '../../src/math/gather.ts';
import { f32 } from '../../src/onnx/tensor.ts';
import { viewSamples } from '../augment/samples.ts';
import { headNetwork } from '../graph/head.ts';
import { classMeans } from './class-means.ts';
import type { TrainNetworkOptions, TrainNetworkResult, Validation } from './options.ts';
import { trainNetwork } from './trainer.ts';

export interface TrainHeadOptions
  extends Omit<TrainNetworkOptions, 'network' | 'samples' | 'classMeans' | 'validate'> {
  /** [samples, dimensionIn], row-major, as they reach the head: any centring or scaling is the caller's. */
  readonly features: Float32Array;
  /** Other views of the samples, each shaped as features: a step takes one of all views of a sample, drawn evenly. */
  readonly views?: readonly Float32Array[];
  /** [samples]: class index, 0 to classes - 1 without gaps. */
  readonly labels: Int32Array;
  readonly dimensionIn: number;
  readonly dimension: number;
  /** [dimensionIn, dimension], row-major: an embedding is the unit vector of features · head. */
  readonly initialHead: Float32Array;
  readonly validate: (head: Float32Array) => Promise<Validation>;
}

export interface TrainHeadResult extends Omit<TrainNetworkResult, 'best'> {
  /** The head with the best score. */
  readonly head: Float32Array;
}

/** Throws what trainNetwork throws. */
export async function trainHead(options: TrainHeadOptions): Promise<TrainHeadResult> {
  const { best, ...result } = await trainNetwork(headTraining(options));
  return { head: best.get('head')!, ...result };
}

/** The same as options of trainNetwork. Throws `invalid_argument`. */
export function headTraining(options: TrainHeadOptions): TrainNetworkOptions {
  const { features, views = [], labels, dimensionIn, dimension, initialHead, validate, ...rest } = options;
  for (const [field, size] of Object.entries({ dimensionIn, dimension })) {
    if (!Number.isInteger(size) || size < 1) throw invalid(field, 'a whole number of 1 or more', size);
  }
  const need = (field: string, data: Float32Array, length: number) => {
    if (data.length !== length) throw invalid(field, `${length} numbers`, data.length);
  };
  need('features', features, labels.length * dimensionIn);
  need('initialHead', initialHead, dimensionIn * dimension);
  return {
    ...rest,
    network: headNetwork({ dimensionIn, dimension, initial: initialHead }),
    samples:
      views.length > 0
        ? viewSamples({ views: [features, ...views], dimension: dimensionIn, labels })
        : {
            labels,
            batch: (samples) => ({
              features: f32([samples.length, dimensionIn], gatherRows(features, samples, dimensionIn)),
            }),
            hash: createHash('sha256').update(features).digest('hex'),
          },
    classMeans: () => {
      const classes = labels.reduce((most, label) => Math.max(most, label + 1), 0);
      return classMeans({ features, labels, classes, head: initialHead, dimensionIn, dimension });
    },
    validate: (values) => validate(values.get('head')!),
  };
}
