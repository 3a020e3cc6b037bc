// The learning rate range test on a user's data: how a head under one loss takes rates from tiny to huge. Fits and writes nothing.

import { refuseUnknown } from '../src/errors/error.ts';
import { createMatmul } from './baselines/matmul.ts';
import { openSpace } from './fit/space.ts';
import { headOptions } from './fit/trained-head.ts';
import { lossNamed } from './losses/index.ts';
import { DATA_OPTIONS, type DataOptions, type Prepared, type Progress, prepare } from './prepare.ts';
import { RECIPE_OPTIONS, type RecipeOptions, resolveRecipe, trainingOf } from './recipe.ts';
import { headTraining } from './trainer/head.ts';
import { type LearningRateRange, learningRateRange } from './trainer/rate-range.ts';

export interface FindRateOptions extends DataOptions, RecipeOptions {
  /** Steps, each with a higher rate. Default 200. */
  readonly steps?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

export interface FoundRate extends LearningRateRange {
  readonly loss: string;
  readonly images: number;
  readonly classes: number;
  readonly problems: Prepared['problems'];
}

/** `loss: auto` stands for PFML; a closed form has no rate. Throws what prepare and learningRateRange throw. */
export async function findRate(options: FindRateOptions): Promise<FoundRate> {
  refuseUnknown(options, [...DATA_OPTIONS, ...RECIPE_OPTIONS, 'steps', 'signal', 'onProgress'], 'findRate');
  const { signal, onProgress, steps = 200 } = options;
  const recipe = resolveRecipe(options);
  const loss = recipe.loss === 'auto' ? 'pfml' : recipe.loss;
  const entry = lossNamed(loss);
  const { data, backbone, classes, problems } = await prepare(options);
  const matmul = createMatmul();
  try {
    const inputs = backbone.manifest.dimension;
    const space = await openSpace({ data, inputs, matmul });
    const dimension = Math.min(recipe.dimension, space.dimension);
    const { epochs, classesPerBatch, samplesPerClass, seed } = recipe;
    const training = trainingOf(recipe);
    const set = await headOptions(space, entry.create({}), {
      ...{ dimension, epochs, classesPerBatch, samplesPerClass, training, matmul },
    });
    const range = await learningRateRange({
      ...headTraining({ ...set, seed, signal, validate: async () => ({ score: 0 }) }),
      onProgress: ({ step }) =>
        onProgress?.({ phase: `rates under ${entry.title}`, done: step, total: steps }),
      steps,
    });
    return { ...range, loss: entry.title, images: data.labels.length, classes, problems };
  } finally {
    await matmul.release();
  }
}
