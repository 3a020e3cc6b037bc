// Fine-tuning as one call: caches the frozen prefix's activations, trains the rest under a loss, lets classes that were not
// trained on choose rate and epoch, and trains once more on all. Writes no model: export.ts of ../export takes what comes out.

import { join } from 'node:path';
import type { DatasetRow } from '../../src/dataset/row.ts';
import { splitClasses } from '../../src/dataset/split.ts';
import { invalid } from '../../src/errors/error.ts';
import type { LoadedModel } from '../../src/model/load.ts';
import type { OnnxModel } from '../../src/onnx/model.ts';
import type { Provider } from '../../src/runtime/session.ts';
import type { LinearMap } from '../baselines/linear-map.ts';
import type { Matmul } from '../baselines/matmul.ts';
import { type ActivationPlan, cacheActivations } from '../features/activations.ts';
import type { View } from '../features/views.ts';
import type { EpochRecord } from '../trainer/options.ts';
import type { Tuned } from './network.ts';
import { type Precision, splitBackbone } from './suffix.ts';
import {
  embedTuned,
  embedTunedExactly,
  type TuneOptions,
  type TunePace,
  type Tuning,
  tune,
} from './tuning.ts';
import { withWeights } from './write-back.ts';

export interface OpenTuningOptions {
  readonly backbone: LoadedModel;
  readonly rows: readonly DatasetRow[];
  /** `last:<blocks>`, `last:<block, node or value>` or `all` (cuts.ts). */
  readonly train: string;
  /** Folder of the activation cache; safe to delete. */
  readonly cache: string;
  readonly matmul: Matmul;
  /** Default float16. */
  readonly precision?: Precision;
  /** Of every image; the first is the one that is judged. Default: only what serving sees. */
  readonly views?: readonly View[];
  readonly threads?: number;
  readonly providers?: readonly Provider[];
  readonly onPlan?: (plan: ActivationPlan) => void;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  readonly signal?: AbortSignal;
}

/**
 * Cuts the backbone and caches the prefix's activations of all rows. `activations.rows` are those that training goes by from
 * here on; close `activations` at the end. Throws what splitBackbone and cacheActivations throw.
 */
export async function openTuning(options: OpenTuningOptions): Promise<Tuning> {
  const { backbone, train, matmul, threads, providers } = options;
  const split = await splitBackbone(options);
  const { prefix } = split;
  const contract = backbone.manifest.preprocess;
  const activations = await cacheActivations({ ...options, prefix, contract });
  return { backbone, train, split, activations, matmul, threads, providers };
}

export interface FineTuneOptions
  extends Omit<TunePace, 'learningRate' | 'checkpointDirectory' | 'onProgress' | 'seed'> {
  readonly tuning: Tuning;
  readonly loss: TuneOptions['loss'];
  /** Class of every row of `tuning.activations.rows`; rows without one are left out, such as those of test classes. */
  readonly labels: readonly (string | undefined)[];
  /** Of every row too, as TuneOptions has them. */
  readonly sources?: TuneOptions['sources'];
  /**
   * The head to start from, fitted on these rows of `tuning.activations.rows` and no others: asked for once without the
   * validation classes, and once with all where `refit` is on.
   */
  readonly head: (samples: readonly number[]) => Promise<LinearMap>;
  /** Learning rate of the head, relative to the backbone's. Default 0.3: a head that was fitted already soon fits too closely. */
  readonly headRate?: number;
  /** Of the backbone's weights: each is tried, the validation classes choose. Default 0.0003. */
  readonly learningRates?: readonly number[];
  /** Share of the classes that choose rate and epoch. Default 0.2. */
  readonly holdoutClasses?: number;
  /** Train what was chosen once more with the validation classes. Default true. */
  readonly refit?: boolean;
  /** Of the class split, the batches and the loss's parameters. Default 1. */
  readonly seed?: number;
  /** Folder of the checkpoints, one sub-folder per stage; none are written without it. */
  readonly run?: string;
  /** `stage`: `rate <learning rate>` or `refit`. */
  readonly onStep?: (progress: {
    readonly stage: string;
    readonly step: number;
    readonly steps: number;
  }) => void;
}

export interface FineTuned {
  readonly tuned: Tuned;
  readonly chosen: { readonly learningRate: number; readonly epoch: number; readonly epochs: number };
  /** By learning rate: MAP@R on the validation classes after every epoch, the head that training started from first. */
  readonly trials: readonly { readonly learningRate: number; readonly history: readonly EpochRecord[] }[];
  /** The backbone's graph with the trained weights. */
  readonly graph: OnnxModel;
  /** Unit rows of these rows of `tuning.activations.rows`. */
  embed(samples: readonly number[]): Promise<Float32Array>;
  /** Of some dozens of them, from the images and without the rounding of the cache: what an exported graph is held against. */
  embedExactly(samples: readonly number[]): Promise<Float32Array>;
}

const EPOCHS = 5;

/**
 * Where no epoch of any rate is better on the validation classes than the head that it started from, the backbone comes back
 * as it was, with that head. Interrupted and called again with `resume`, it ends in the same bits. Throws `invalid_argument`,
 * `aborted`, and what trainNetwork throws.
 */
export async function fineTune(options: FineTuneOptions): Promise<FineTuned> {
  const {
    tuning,
    labels,
    head,
    learningRates = [3e-4],
    holdoutClasses = 0.2,
    refit = true,
    run,
    onStep,
    ...rest
  } = options;
  const { seed = 1, epochs = EPOCHS, headRate = 0.3, signal } = rest;
  const { rows } = tuning.activations;
  if (labels.length !== rows.length)
    throw invalid('labels', `one for each of ${rows.length} rows`, labels.length);
  if (learningRates.length === 0) throw invalid('learningRates', 'one or more', learningRates);
  const used = rows.flatMap((_, i) => (labels[i] === undefined ? [] : [i]));
  const split = splitClasses({ labels: used.map((i) => labels[i]!), fraction: holdoutClasses, seed });
  const kept = split.kept.map((i) => used[i]!);
  const held = split.held.map((i) => used[i]!);

  const stage = (name: string, folder: string, ends = epochs) => ({
    ...{ ...rest, tuning, labels, headRate, epochs, seed },
    checkpointDirectory: run && join(run, folder),
    onProgress: ({ step, steps }: { step: number; steps: number }) =>
      onStep?.({ stage: name, step, steps: (steps / epochs) * ends }),
  });
  const start = await head(kept);
  const trials: { learningRate: number; history: readonly EpochRecord[] }[] = [];
  let best: { score: number; learningRate: number; epoch: number; tuned: Tuned } | undefined;
  for (const learningRate of learningRates) {
    const trial = stage(`rate ${learningRate}`, `rate-${learningRate}`);
    const result = await tune({ ...trial, samples: kept, held, head: start, learningRate });
    const { score } = result.history[result.bestEpoch]!;
    trials.push({ learningRate, history: result.history });
    if (best && best.score >= score) continue;
    best = { score, learningRate, epoch: result.bestEpoch, tuned: result.tuned };
  }
  const { learningRate, epoch } = best!;
  let { tuned } = best!;
  if (refit) {
    const again = stage('refit', 'refit', Math.min(epoch + 1, epochs));
    const whole = await head(used);
    tuned =
      epoch === 0
        ? { weights: new Map(), head: whole }
        : (await tune({ ...again, samples: used, stopAfter: epoch, head: whole, learningRate })).tuned;
  }
  return {
    ...{ tuned, trials, chosen: { learningRate, epoch, epochs } },
    graph: withWeights({ split: tuning.split, weights: tuned.weights }),
    embed: (samples) => embedTuned({ tuning, tuned, samples, signal }),
    embedExactly: (samples) => embedTunedExactly({ tuning, tuned, samples, signal }),
  };
}
