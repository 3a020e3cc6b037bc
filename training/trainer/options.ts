// Options and results of trainNetwork, as types. Defaults and checks are in config.ts.

import type { Rng } from '../../src/math/rng.ts';
import type { Provider } from '../../src/runtime/session.ts';
import type { Batch, CreateEngine } from '../engine/engine.ts';
import type { Network } from '../graph/network.ts';
import type { Loss } from '../losses/loss.ts';
import type { OptimizerChoice } from '../optim/optimizer.ts';
import type { Schedule } from '../optim/schedule.ts';
import type { SamplerName } from '../samplers/index.ts';

/** What is trained on: samples by number, fetched as the network takes them. */
export interface Samples {
  /** [samples]: class index, 0 to classes - 1 without gaps. */
  readonly labels: Int32Array;
  /**
   * The network's inputs for these samples, in this order. `rng` is for augmentation: it differs from step to step and is
   * the same when a resumed run comes to the step again.
   */
  batch(samples: Int32Array, rng: Rng): Batch | Promise<Batch>;
  /** Tells these data from others, for checkpoints. */
  readonly hash: string;
}

/** Values by name: the network's parameters and buffers, and the loss's parameters. */
export type Values = ReadonlyMap<string, Float32Array>;

export interface TrainNetworkOptions {
  readonly network: Network;
  readonly samples: Samples;
  readonly loss: Loss;
  /** Unit rows [classes, dimension]: class means under the network's initial values, for losses that start there. */
  readonly classMeans: () => Float32Array;
  /** Judges the network's values: called with the initial ones (epoch 0) and after every epoch. */
  readonly validate: (values: Values) => Promise<Validation>;
  readonly epochs?: number;
  /** `m-per-class` (default) or `random`, both with batches of classesPerBatch · samplesPerClass samples. */
  readonly sampler?: SamplerName;
  readonly classesPerBatch?: number;
  readonly samplesPerClass?: number;
  /** AdamW by default. `{ kind: 'sgd', nesterov: true }` and the like change what is named. */
  readonly optimizer?: OptimizerChoice;
  /** Peak rate of the network; parameters multiply it. */
  readonly learningRate?: number;
  /** How the rate falls after the warm-up; a cosine down to 0 by default. */
  readonly schedule?: Schedule;
  readonly warmupEpochs?: number;
  /**
   * `all`: the rate rises to its peak. `new`: only the loss's parameters and the network's new ones train, at the peak rate
   * (the convention of Proxy Anchor); then all of them do, under a fresh optimiser.
   */
  readonly warmupTrains?: 'all' | 'new';
  readonly weightDecay?: number;
  /** Largest size of any one number in a gradient; 0 does not limit. Proxy Anchor has 10. */
  readonly clipValue?: number;
  /** Largest global gradient norm; 0 does not limit. */
  readonly clipNorm?: number;
  /** Decay of a moving average of the weights, which is then what is validated and returned; 0 keeps none. */
  readonly ema?: number;
  /** What decides which epoch is best: `score` or one of the metrics that `validate` returns. */
  readonly monitor?: string;
  readonly mode?: 'max' | 'min';
  /** Less than this is no improvement. */
  readonly minDelta?: number;
  /** Stops after this many epochs without an improvement; 0 never stops early. */
  readonly patience?: number;
  /** Of the loss's parameters, the batches and the augmentation. */
  readonly seed?: number;
  /** Equal counts give bit-identical runs. */
  readonly threads?: number;
  readonly providers?: readonly Provider[];
  readonly createEngine?: CreateEngine;
  /** Where `training.ckpt` is kept: written after every epoch and on abort. */
  readonly checkpointDirectory?: string;
  /** Keeps the values of that many best epochs there as well, as `epoch-0007.ckpt`. */
  readonly keepTop?: number;
  /** Goes on from the checkpoint, if there is one; otherwise it is overwritten. */
  readonly resume?: boolean;
  readonly signal?: AbortSignal;
  /** After every step. */
  readonly onProgress?: (progress: StepProgress) => void;
  /** After every epoch, epoch 0 included, once its checkpoint is written. */
  readonly onEpoch?: (record: EpochRecord) => void;
  /** Milliseconds, of any origin: gives the records their seconds. */
  readonly clock?: () => number;
}

export interface Validation {
  readonly score: number;
  readonly metrics?: Readonly<Record<string, number>>;
  /** The embeddings that were judged, [rows, dimension], and their number of classes: looked at for collapse, not kept. */
  readonly embeddings?: Float32Array;
  readonly classes?: number;
}

export interface StepProgress {
  /** Steps done, of `steps`. */
  readonly step: number;
  readonly steps: number;
  /** 1 for the first. */
  readonly epoch: number;
  readonly loss: number;
}

export interface EpochRecord extends Omit<Validation, 'embeddings' | 'classes'> {
  /** 0 is before the first step. */
  readonly epoch: number;
  /** Mean over the epoch's steps, and the rate of its last one; absent for epoch 0. */
  readonly loss?: number;
  readonly learningRate?: number;
  /** Of steps and validation, where there is a clock. */
  readonly seconds?: number;
  /** Where `validate` gives its embeddings: how many directions they use, and how alike they are (src/metrics/collapse.ts). */
  readonly spread?: { readonly effectiveRank: number; readonly meanCosine: number };
  /** What seems wrong, and what to do about it. */
  readonly warnings?: readonly string[];
}

export interface TrainNetworkResult {
  /** The values of the best epoch, the loss's parameters included. */
  readonly best: Values;
  readonly bestEpoch: number;
  readonly history: readonly EpochRecord[];
  /** The same values after the last step. */
  readonly parameters: Values;
  readonly stoppedEarly: boolean;
}
