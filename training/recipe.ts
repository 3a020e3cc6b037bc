// The options of training that decide its result, with their defaults: what a card and a manifest have to state.

import { invalid } from '../src/errors/error.ts';
import type { Loss } from './losses/loss.ts';
import { potentialField } from './losses/potential-field.ts';

/** The losses that `--loss` names, each with the preset for heads on frozen features. */
export const LOSSES: Readonly<Record<string, () => Loss>> = {
  pfml: () => potentialField({ preset: 'frozen-features' }),
};

export interface RecipeOptions {
  /** One of LOSSES. Default pfml. */
  readonly loss?: string;
  /** Length of an embedding. Default 128. */
  readonly dimension?: number;
  /** Share of the classes that choose start, shrinkage and epoch. Default 0.2. */
  readonly holdoutClasses?: number;
  /** Default: 30 from PCA, 20 from LDA. */
  readonly epochs?: number;
  /** Default: 0.003 from PCA, 0.001 from LDA. */
  readonly learningRate?: number;
  /** Default 25. */
  readonly classesPerBatch?: number;
  /** Default 4. */
  readonly samplesPerClass?: number;
  /** Of the class splits, the batches and the loss's parameters. Default 1. */
  readonly seed?: number;
  /** Fit what was chosen once more with the validation classes. Default true. */
  readonly refit?: boolean;
}

export const RECIPE_OPTIONS: readonly (keyof RecipeOptions)[] = [
  'loss',
  'dimension',
  'holdoutClasses',
  'epochs',
  'learningRate',
  'classesPerBatch',
  'samplesPerClass',
  'seed',
  'refit',
];

export interface Recipe extends Omit<RecipeOptions, 'loss'> {
  readonly loss: Loss;
  readonly dimension: number;
  readonly holdoutClasses: number;
  readonly seed: number;
  readonly refit: boolean;
  readonly classesPerBatch: number;
  readonly samplesPerClass: number;
}

/**
 * The recipe's options out of any that hold them, with defaults. Throws `invalid_argument` where the loss is unknown or
 * nothing would be held out to choose with; what depends on the data is checked where it is known.
 */
export function resolveRecipe(options: RecipeOptions): Recipe {
  const { loss = 'pfml', dimension = 128, holdoutClasses = 0.2, seed = 1, refit = true } = options;
  if (!(holdoutClasses > 0 && holdoutClasses < 1)) {
    throw invalid('holdoutClasses', 'a share between 0 and 1', holdoutClasses);
  }
  const { epochs, learningRate, classesPerBatch = 25, samplesPerClass = 4 } = options;
  if (!Object.hasOwn(LOSSES, loss)) throw invalid('loss', `one of ${Object.keys(LOSSES).join(', ')}`, loss);
  return {
    loss: LOSSES[loss]!(),
    dimension,
    holdoutClasses,
    seed,
    refit,
    epochs,
    learningRate,
    classesPerBatch,
    samplesPerClass,
  };
}
