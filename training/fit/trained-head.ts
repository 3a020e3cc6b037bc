// A head trained under a loss as trials of the race: the loss's settings, each from an LDA and from a PCA start. How a step
// works is the trainer's.

import type { Matmul } from '../baselines/matmul.ts';
import type { Loss } from '../losses/loss.ts';
import { type TrainHeadOptions, trainHead } from '../trainer/head.ts';
import type { StepProgress } from '../trainer/options.ts';
import { classNumbers } from './class-numbers.ts';
import { type ClosedForm, fitClosedForm } from './closed-forms.ts';
import type { Projection, Space } from './space.ts';
import type { Settings, Trial, TrialRun } from './trial.ts';

export interface TrainedHeadOptions {
  /** As tables name it. */
  readonly method: string;
  /** The settings of the loss that are tried, the default first. */
  readonly losses: readonly { readonly settings: Settings; readonly loss: Loss }[];
  readonly dimension: number;
  /** How many trials. */
  readonly count: number;
  /** Overrides the start's own number. */
  readonly epochs?: number;
  readonly learningRate?: number;
  readonly classesPerBatch?: number;
  readonly samplesPerClass?: number;
  readonly matmul: Matmul;
}

/** A start that has seen the labels wants smaller steps. */
const RATES: Readonly<Record<'LDA' | 'PCA', number>> = { LDA: 1e-3, PCA: 3e-3 };
const EPOCHS = 20;
/** LDA's, as a start: it only has to be sensible, training goes on from it. */
const START_SHRINKAGE = 1;

/** Settings in turn, each from LDA and then from PCA: so every loss has equally many trials, whatever it varies. */
export function trainedTrials(options: TrainedHeadOptions): Trial[] {
  const starts = ['LDA', 'PCA'] as const;
  return options.losses
    .flatMap(({ settings, loss }) => starts.map((start) => trial(options, loss, settings, start)))
    .slice(0, options.count);
}

function trial(options: TrainedHeadOptions, loss: Loss, settings: Settings, start: 'LDA' | 'PCA'): Trial {
  const epochs = options.epochs ?? EPOCHS;
  const learningRate = options.learningRate ?? RATES[start];
  const train = async (
    space: Space,
    run: TrialRun,
    more: Pick<TrainHeadOptions, 'validate' | 'patience'>,
  ) => {
    const initial = scaled(await startOf(space, start, options));
    const { run: checkpointDirectory, onStep, ...rest } = run;
    const { head } = await trainHead({
      ...{ ...rest, checkpointDirectory, loss, epochs, learningRate, ...more },
      onProgress: onStep,
      features: space.rows,
      labels: classNumbers(space.labels),
      dimensionIn: space.dimension,
      dimension: initial.outputs,
      initialHead: initial.data,
      classesPerBatch: options.classesPerBatch,
      samplesPerClass: options.samplesPerClass,
    });
    return { outputs: initial.outputs, data: head };
  };
  return {
    method: options.method,
    settings: { ...settings, start, epochs, learningRate },
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
        run.onStep?.(progress);
      };
      const validate = async () => ({ score: epoch <= point ? epoch : -1 });
      return train(space, { ...run, onStep }, { validate, patience: 1 });
    },
  };
}

/** The starts of each space: solved once, shared by all trials. */
const STARTS = new WeakMap<Space, Map<string, Promise<Projection>>>();

function startOf(space: Space, form: ClosedForm, { dimension, matmul }: TrainedHeadOptions) {
  const known = STARTS.get(space) ?? new Map<string, Promise<Projection>>();
  STARTS.set(space, known);
  const key = `${form} ${dimension}`;
  const start =
    known.get(key) ?? fitClosedForm(space, { form, dimension, shrinkage: START_SHRINKAGE, matmul });
  known.set(key, start);
  return start;
}

/** Embeddings are unit vectors, so the size of a start says nothing, but steps of AdamW are of one size: bring all starts to PCA's. */
function scaled({ outputs, data }: Projection): Projection {
  let square = 0;
  for (const x of data) square += x * x;
  const scale = Math.sqrt(outputs / square);
  return { outputs, data: data.map((x) => x * scale) };
}
