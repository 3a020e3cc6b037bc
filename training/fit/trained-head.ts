// A head trained from two starts; the validation classes choose the start and the epoch. How a step works is the trainer's.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Loss } from '../losses/loss.ts';
import type { Scores } from '../report/scores.ts';
import { trainHead } from '../trainer/head.ts';
import type { StepProgress } from '../trainer/options.ts';
import type { ClosedForm } from './closed-forms.ts';
import type { Projection, Space } from './space.ts';

export interface HeadRecipe {
  readonly loss: Loss;
  /** Overrides the start's own number. */
  readonly epochs?: number;
  readonly learningRate?: number;
  readonly classesPerBatch?: number;
  readonly samplesPerClass?: number;
  readonly seed: number;
  /** Folder of the checkpoints, one sub-folder per stage. */
  readonly run?: string;
  readonly resume?: boolean;
  readonly signal?: AbortSignal;
  readonly onStep?: (progress: { stage: string; step: number; steps: number }) => void;
}

export interface Candidate {
  readonly start: ClosedForm;
  /** Of the start's schedule. */
  readonly epochs: number;
  readonly learningRate: number;
  readonly epoch: number;
  readonly head: Projection;
  readonly validation: Scores;
}

const STAGES = ['from-pca', 'from-lda', 'refit'] as const;

/** A start that has seen the labels wants fewer and smaller steps. */
const AFTER_PCA = { learningRate: 3e-3, epochs: 30 };
const AFTER_LDA = { learningRate: 1e-3, epochs: 20 };

/** Trains from both starts in `space`; the better one by MAP@R on the validation classes. */
export async function trainFromBestStart(options: {
  space: Space;
  starts: readonly ClosedForm[];
  judge: (projection: Projection) => Promise<Scores>;
  recipe: HeadRecipe;
}): Promise<Candidate> {
  const { space, starts, judge, recipe } = options;
  // A stage that an earlier run of this folder finished must not be taken for this one's when this one is resumed.
  if (recipe.run !== undefined && !recipe.resume) {
    for (const stage of STAGES) await rm(join(recipe.run, stage), { recursive: true, force: true });
  }
  let best: Candidate | undefined;
  for (const start of starts) {
    const stage = start.method === 'LDA' ? 'from-lda' : 'from-pca';
    const schedule = start.method === 'LDA' ? AFTER_LDA : AFTER_PCA;
    const epochs = recipe.epochs ?? schedule.epochs;
    const learningRate = recipe.learningRate ?? schedule.learningRate;
    const initial = scaled(await start.project(space));
    const { outputs } = initial;
    const { head: data, bestEpoch: epoch } = await trainHead({
      ...trainerOptions({ space, initial, recipe, stage }),
      epochs,
      learningRate,
      validate: async (head) => ({ score: (await judge({ outputs, data: head })).mapAtR.value }),
    });
    const head = { outputs, data };
    const validation = await judge(head);
    if (best === undefined || validation.mapAtR.value > best.validation.mapAtR.value) {
      best = { start, epochs, learningRate, epoch, head, validation };
    }
  }
  return best!;
}

/** The chosen training once more in another space, kept at the chosen epoch of the same schedule. */
export async function retrain(options: {
  space: Space;
  candidate: Candidate;
  recipe: HeadRecipe;
}): Promise<Projection> {
  const { space, candidate, recipe } = options;
  const initial = scaled(await candidate.start.project(space));
  const trainer = trainerOptions({ space, initial, recipe, stage: 'refit' });
  let epoch = 0;
  const { head } = await trainHead({
    ...trainer,
    epochs: candidate.epochs,
    learningRate: candidate.learningRate,
    onProgress: (progress) => {
      epoch = progress.epoch;
      trainer.onProgress(progress);
    },
    // No validation class is left to ask: the score rises up to the chosen epoch, and training stops after it.
    validate: async () => ({ score: epoch <= candidate.epoch ? epoch : -1 }),
    patience: 1,
  });
  return { outputs: initial.outputs, data: head };
}

function trainerOptions(options: {
  space: Space;
  initial: Projection;
  recipe: HeadRecipe;
  stage: (typeof STAGES)[number];
}) {
  const { space, initial, recipe, stage } = options;
  const classOf = new Map<string, number>();
  for (const label of space.labels) if (!classOf.has(label)) classOf.set(label, classOf.size);
  return {
    features: space.rows,
    labels: Int32Array.from(space.labels, (label) => classOf.get(label)!),
    dimensionIn: space.dimension,
    dimension: initial.outputs,
    initialHead: initial.data,
    loss: recipe.loss,
    classesPerBatch: recipe.classesPerBatch,
    samplesPerClass: recipe.samplesPerClass,
    seed: recipe.seed,
    checkpointDirectory: recipe.run === undefined ? undefined : join(recipe.run, stage),
    resume: recipe.resume,
    signal: recipe.signal,
    onProgress: ({ step, steps }: StepProgress) => recipe.onStep?.({ stage, step, steps }),
  };
}

/** Embeddings are unit vectors, so the size of a start says nothing, but steps of AdamW are of one size: bring all starts to PCA's. */
function scaled({ outputs, data }: Projection): Projection {
  let square = 0;
  for (const x of data) square += x * x;
  const scale = Math.sqrt(outputs / square);
  return { outputs, data: data.map((x) => x * scale) };
}
