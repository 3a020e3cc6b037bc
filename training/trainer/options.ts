// Options, defaults and results of trainHead, and their check. Not the training itself (trainer.ts).

import { invalid, refuseUnknown } from '../../src/errors/error.ts';
import type { Provider } from '../../src/runtime/session.ts';
import type { CreateEngine } from '../engine/engine.ts';
import { createOrtEngine } from '../engine/ort.ts';
import type { Loss } from '../losses/loss.ts';
import { ADAMW } from '../optim/adamw.ts';

export interface TrainHeadOptions {
  /** [samples, dimensionIn], row-major, as they reach the head: any centring or scaling is the caller's. */
  readonly features: Float32Array;
  /** [samples]: class index, 0 to classes - 1 without gaps. */
  readonly labels: Int32Array;
  readonly dimensionIn: number;
  readonly dimension: number;
  /** [dimensionIn, dimension], row-major: an embedding is the unit vector of features · head. */
  readonly initialHead: Float32Array;
  readonly loss: Loss;
  /** Judges a head, higher is better: called with the initial head (epoch 0) and after every epoch. */
  readonly validate: (head: Float32Array) => Promise<Validation>;
  readonly epochs?: number;
  readonly classesPerBatch?: number;
  readonly samplesPerClass?: number;
  /** Peak rate of the head; a loss multiplies it for its own parameters. */
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

export interface TrainHeadResult {
  /** The head with the best score. */
  readonly head: Float32Array;
  readonly bestEpoch: number;
  readonly history: readonly EpochRecord[];
  /** Final values of head, proxies and whatever else the loss learns. */
  readonly parameters: ReadonlyMap<string, Float32Array>;
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

const KNOWN: readonly (keyof TrainHeadOptions)[] = [
  ...(Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[]),
  'features',
  'labels',
  'dimensionIn',
  'dimension',
  'initialHead',
  'loss',
  'validate',
  'checkpointDirectory',
  'signal',
  'onProgress',
];

export type TrainHeadConfig = TrainHeadOptions & Required<Pick<TrainHeadOptions, keyof typeof DEFAULTS>>;

/** Options with every default filled in. Throws `unknown_option` and `invalid_argument`. */
export function checked(options: TrainHeadOptions): TrainHeadConfig {
  const set = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  refuseUnknown(set, KNOWN, 'trainHead');
  const config = { ...DEFAULTS, ...set } as TrainHeadConfig;
  const { features, labels, dimensionIn, dimension, initialHead } = config;
  const need = (fits: boolean, field: keyof TrainHeadConfig, expected: string) => {
    if (!fits) throw invalid(field, expected, config[field]);
  };
  const whole = (
    field: 'dimensionIn' | 'dimension' | 'epochs' | 'warmupEpochs' | 'patience',
    least: number,
  ) =>
    need(
      Number.isInteger(config[field]) && config[field] >= least,
      field,
      `a whole number of ${least} or more`,
    );
  whole('dimensionIn', 1);
  whole('dimension', 1);
  whole('epochs', 1);
  whole('warmupEpochs', 0);
  whole('patience', 0);
  for (const field of ['learningRate', 'weightDecay', 'clipNorm'] as const) {
    need(config[field] >= 0 && Number.isFinite(config[field]), field, 'a number of 0 or more');
  }
  need(features.length === labels.length * dimensionIn, 'features', `${labels.length * dimensionIn} numbers`);
  need(initialHead.length === dimensionIn * dimension, 'initialHead', `${dimensionIn * dimension} numbers`);
  return config;
}
