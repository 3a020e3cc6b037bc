// Options, defaults and results of trainNetwork, and their check. Not the training itself (trainer.ts).

import { invalid, refuseUnknown } from '../../src/errors/error.ts';
import type { Rng } from '../../src/math/rng.ts';
import type { Provider } from '../../src/runtime/session.ts';
import type { Batch, CreateEngine } from '../engine/engine.ts';
import { createOrtEngine } from '../engine/ort.ts';
import type { Network } from '../graph/network.ts';
import type { Loss } from '../losses/loss.ts';
import { ADAMW } from '../optim/optimizer.ts';

/** What is trained on: samples by number, fetched as the network takes them. */
export interface Samples {
  /** [samples]: class index, 0 to classes - 1 without gaps. */
  readonly labels: Int32Array;
  /** The network's inputs for these samples, in this order. `rng` is for augmentation and differs from step to step. */
  batch(samples: Int32Array, rng: Rng): Batch | Promise<Batch>;
  /** Tells these data from others, for checkpoints. */
  readonly hash: string;
}

/** Values by name: the network's parameters and buffers. */
export type Values = ReadonlyMap<string, Float32Array>;

export interface TrainNetworkOptions {
  readonly network: Network;
  readonly samples: Samples;
  readonly loss: Loss;
  /** Unit rows [classes, dimension]: class means under the network's initial values, for losses that start there. */
  readonly classMeans: () => Float32Array;
  /** Judges the network's values, higher is better: called with the initial ones (epoch 0) and after every epoch. */
  readonly validate: (values: Values) => Promise<Validation>;
  readonly epochs?: number;
  readonly classesPerBatch?: number;
  readonly samplesPerClass?: number;
  /** Peak rate of the network; parameters multiply it. */
  readonly learningRate?: number;
  readonly warmupEpochs?: number;
  readonly weightDecay?: number;
  /** Largest global gradient norm; 0 does not limit. */
  readonly clipNorm?: number;
  /** Stops after this many epochs without a better score; 0 never stops early. */
  readonly patience?: number;
  /** Of the loss's parameters and the batches. */
  readonly seed?: number;
  /** Equal counts give bit-identical runs. */
  readonly threads?: number;
  readonly providers?: readonly Provider[];
  readonly createEngine?: CreateEngine;
  /** Where `training.ckpt` is kept: written after every epoch and on abort. */
  readonly checkpointDirectory?: string;
  /** Goes on from the checkpoint, if there is one; otherwise it is overwritten. */
  readonly resume?: boolean;
  readonly signal?: AbortSignal;
  /** After every step. */
  readonly onProgress?: (progress: StepProgress) => void;
}

export interface Validation {
  readonly score: number;
  readonly metrics?: Readonly<Record<string, number>>;
}

export interface StepProgress {
  /** Steps done, of `steps`. */
  readonly step: number;
  readonly steps: number;
  /** 1 for the first. */
  readonly epoch: number;
  readonly loss: number;
}

export interface EpochRecord extends Validation {
  /** 0 is the initial head. */
  readonly epoch: number;
  /** Mean over the epoch's steps; absent for epoch 0. */
  readonly loss?: number;
}

export interface TrainNetworkResult {
  /** The network's values with the best score. */
  readonly best: Values;
  readonly bestEpoch: number;
  readonly history: readonly EpochRecord[];
  /** Final values of everything that is trained or carried: the network's and the loss's. */
  readonly parameters: Values;
  readonly stoppedEarly: boolean;
}

export const DEFAULTS = {
  epochs: 30,
  classesPerBatch: 25,
  samplesPerClass: 4,
  learningRate: 3e-3,
  warmupEpochs: 0,
  weightDecay: ADAMW.weightDecay,
  clipNorm: 0,
  patience: 0,
  seed: 0,
  threads: 1,
  providers: ['cpu'] as readonly Provider[],
  createEngine: createOrtEngine as CreateEngine,
  resume: false,
};

const KNOWN: readonly (keyof TrainNetworkOptions)[] = [
  ...(Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[]),
  'network',
  'samples',
  'loss',
  'classMeans',
  'validate',
  'checkpointDirectory',
  'signal',
  'onProgress',
];

export type TrainNetworkConfig = TrainNetworkOptions &
  Required<Pick<TrainNetworkOptions, keyof typeof DEFAULTS>>;

/** Options with every default filled in. Throws `unknown_option` and `invalid_argument`. */
export function checked(options: TrainNetworkOptions): TrainNetworkConfig {
  const set = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  refuseUnknown(set, KNOWN, 'training');
  const config = { ...DEFAULTS, ...set } as TrainNetworkConfig;
  const need = (fits: boolean, field: keyof TrainNetworkConfig, expected: string) => {
    if (!fits) throw invalid(field, expected, config[field]);
  };
  const whole = (field: 'epochs' | 'warmupEpochs' | 'patience', least: number) =>
    need(
      Number.isInteger(config[field]) && config[field] >= least,
      field,
      `a whole number of ${least} or more`,
    );
  whole('epochs', 1);
  whole('warmupEpochs', 0);
  whole('patience', 0);
  for (const field of ['learningRate', 'weightDecay', 'clipNorm'] as const) {
    need(config[field] >= 0 && Number.isFinite(config[field]), field, 'a number of 0 or more');
  }
  return config;
}
