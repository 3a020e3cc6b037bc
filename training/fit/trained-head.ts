// A head trained under a loss as trials of the race: the loss's settings, each started from PLDA. How a step
// works is the trainer's.

import type { Matmul } from '../baselines/matmul.ts';
import type { Loss } from '../losses/loss.ts';
import { type TrainHeadOptions, trainHead } from '../trainer/head.ts';
import type { StepProgress } from '../trainer/options.ts';
import { classNumbers } from './class-numbers.ts';
import { fitClosedForm } from './closed-forms.ts';
import type { Projection, Space } from './space.ts';
import type { Settings, Trial, TrialRun } from './trial.ts';

/** What else of the trainer may differ from its defaults. */
export type HeadTraining = Pick<
  TrainHeadOptions,
  'sampler' | 'optimizer' | 'weightDecay' | 'clipNorm' | 'ema' | 'warmupEpochs'
>;

export interface TrainedHeadOptions {
  /** As tables name it. */
  readonly method: string;
  /** The settings of the loss that are tried, the default first. */
  readonly losses: readonly { readonly settings: Settings; readonly loss: Loss }[];
  readonly dimension: number;
  /** How many trials. */
  readonly count: number;
  /** Default 20. */
  readonly epochs?: number;
  /** Default 0.001. */
  readonly learningRate?: number;
  readonly classesPerBatch?: number;
  readonly samplesPerClass?: number;
  readonly training?: HeadTraining;
  readonly matmul: Matmul;
}

/**
 * Every head starts from PLDA: it has seen the labels, so small steps will do. A start from PCA wins here and there on the
 * classes that choose, and loses on others, most of all under wrong labels (docs/training.md).
 */
const LEARNING_RATE = 1e-3;
const EPOCHS = 20;
/** PLDA's, as a start. */
const START_SHRINKAGE = 0.3;

/** One trial for each setting of the loss. */
export function trainedTrials(options: TrainedHeadOptions): Trial[] {
  return options.losses.slice(0, options.count).map(({ settings, loss }) => trial(options, loss, settings));
}

/** How a head is trained in a space: all but what runs and judges it. */
export async function headOptions(
  space: Space,
  loss: Loss,
  options: Omit<TrainedHeadOptions, 'method' | 'losses' | 'count'>,
) {
  const { dimension, matmul } = options;
  const start = { form: 'PLDA', dimension, shrinkage: START_SHRINKAGE, matmul } as const;
  const initial = scaled(await fitClosedForm(space, start));
  return {
    ...paceOf(options),
    loss,
    features: space.rows,
    views: space.views,
    labels: classNumbers(space.labels),
    dimensionIn: space.dimension,
    dimension: initial.outputs,
    initialHead: initial.data,
  };
}

function paceOf(options: Omit<TrainedHeadOptions, 'method' | 'losses' | 'count'>) {
  const { epochs = EPOCHS, learningRate = LEARNING_RATE, classesPerBatch, samplesPerClass } = options;
  return { ...options.training, epochs, learningRate, classesPerBatch, samplesPerClass };
}

function trial(options: TrainedHeadOptions, loss: Loss, settings: Settings): Trial {
  const pace = paceOf(options);
  const { epochs, learningRate } = pace;
  const train = async (
    space: Space,
    run: TrialRun,
    more: Pick<TrainHeadOptions, 'validate' | 'patience'>,
  ) => {
    const set = await headOptions(space, loss, options);
    const { run: checkpointDirectory, engine: _, onStep, ...rest } = run;
    const { head } = await trainHead({ ...set, ...rest, checkpointDirectory, onProgress: onStep, ...more });
    return { outputs: set.dimension, data: head };
  };
  return {
    method: options.method,
    settings: { ...settings, epochs, learningRate },
    identity: JSON.stringify([loss.name, loss.options, options.dimension, pace]),
    loss,
    explore: async (space, judge, run) => {
      const outputs = options.dimension;
      await train(space, run, {
        validate: async (data) => ({ score: (await judge({ outputs, data })).scores.mapAtR.value }),
      });
    },
    fit: (space, point, run) => {
      // The score rises up to the chosen point, and patience ends the run one epoch after it.
      let epoch = 0;
      const onStep = (progress: StepProgress) => {
        epoch = progress.epoch;
        run.onStep?.({ ...progress, steps: (progress.steps / epochs) * Math.min(point + 1, epochs) });
      };
      const validate = async () => ({ score: epoch <= point ? epoch : -1 });
      return train(space, { ...run, onStep }, { validate, patience: 1 });
    },
  };
}

/** Embeddings are unit vectors, so the size of a start says nothing, but steps of AdamW are of one size: bring all starts to PCA's. */
function scaled({ outputs, data }: Projection): Projection {
  let square = 0;
  for (const x of data) square += x * x;
  const scale = Math.sqrt(outputs / square);
  return { outputs, data: data.map((x) => x * scale) };
}
