// The options of training that decide its result, with their defaults: what a card and a manifest have to state.

import { invalid } from '../src/errors/error.ts';
import type { HeadTraining } from './fit/trained-head.ts';
import { METHODS } from './methods.ts';
import { OPTIMIZERS } from './optim/optimizer.ts';
import { SAMPLERS, type SamplerName } from './samplers/index.ts';

export interface RecipeOptions {
  /** A closed form (pca, lda, plda, whitening), one of LOSSES, or `auto`, the default: all of them race. */
  readonly loss?: string;
  /** Length of an embedding. Default 512, or as long as the data allow. */
  readonly dimension?: number;
  /** Share of the classes that each fold holds out to choose with. Default a fifth, or more of fewer than 100 classes, up to half. */
  readonly holdoutClasses?: number;
  /** Class splits that a race runs over, at most 1 / holdoutClasses. Default 3. */
  readonly folds?: number;
  /** Trials of each method, at most 4, the default. */
  readonly trials?: number;
  /** Field audit of the labels: `auto` (the default) uses it unless it harms on the validation classes. */
  readonly audit?: Audit;
  /** Default 20. */
  readonly epochs?: number;
  /** Default 0.001. */
  readonly learningRate?: number;
  /** Default 25. */
  readonly classesPerBatch?: number;
  /** Default 4. */
  readonly samplesPerClass?: number;
  /** How batches are drawn: `m-per-class` (the default) or `random`. */
  readonly sampler?: SamplerName;
  /** Of heads: `adamw` (the default), `adam` or `sgd`. */
  readonly optimizer?: 'adamw' | 'adam' | 'sgd';
  /** Default 0.0001. */
  readonly weightDecay?: number;
  /** Epochs in which the rate of a head rises from 0. Default 0. */
  readonly warmupEpochs?: number;
  /** Gradients of a head are scaled down to this norm; 0, the default: never. */
  readonly clipNorm?: number;
  /** A head is judged and kept as the mean of its recent values, with this decay; 0, the default: as it is. */
  readonly ema?: number;
  /** Of the class splits, the batches and the loss's parameters. Default 1. */
  readonly seed?: number;
  /** What is trained: `head` (the default), `last:<blocks>`, `last:<block, node or value>` or `all` (finetune/cuts.ts). */
  readonly train?: string;
  /** Of training the backbone's last blocks. Default 8. */
  readonly tuneEpochs?: number;
  /** Learning rates of the backbone's weights that are tried. Default 0.0003. */
  readonly tuneRates?: readonly number[];
  /** Fit what was chosen once more with the validation classes. Default true. */
  readonly refit?: boolean;
}

export type Audit = (typeof AUDITS)[number];

const AUDITS = ['auto', 'on', 'off'] as const;

export const RECIPE_OPTIONS: readonly (keyof RecipeOptions)[] = [
  'loss',
  'dimension',
  'holdoutClasses',
  'folds',
  'trials',
  'audit',
  'epochs',
  'learningRate',
  'classesPerBatch',
  'samplesPerClass',
  'sampler',
  'optimizer',
  'weightDecay',
  'warmupEpochs',
  'clipNorm',
  'ema',
  'seed',
  'refit',
  'train',
  'tuneEpochs',
  'tuneRates',
];

const DEFAULTS = {
  loss: 'auto',
  dimension: 512,
  folds: 3,
  trials: 4,
  audit: 'auto' as Audit,
  classesPerBatch: 25,
  samplesPerClass: 4,
  seed: 1,
  refit: true,
  train: 'head',
  tuneEpochs: 8,
  tuneRates: [3e-4] as readonly number[],
};

type Check = readonly [fits: (value: never) => boolean, expected: string];

const whole = (least: number): Check => [
  (value: number) => Number.isInteger(value) && value >= least,
  `a whole number of ${least} or more`,
];
const oneOf = (names: readonly string[]): Check => [
  (value: string) => names.includes(value),
  `one of ${names.join(', ')}`,
];
const NOT_NEGATIVE: Check = [
  (value: number) => value >= 0 && Number.isFinite(value),
  'a number of 0 or more',
];
const isRate = (value: number) => value > 0 && Number.isFinite(value);

/** Of what is given: here, as the trainer would say it after the features and half a race. */
const CHECKS: Partial<Record<keyof RecipeOptions, Check>> = {
  dimension: whole(1),
  holdoutClasses: [(value: number) => value > 0 && value < 1, 'a share between 0 and 1'],
  folds: whole(1),
  trials: whole(1),
  audit: oneOf(AUDITS),
  epochs: whole(1),
  learningRate: [isRate, 'a number above 0'],
  classesPerBatch: whole(1),
  samplesPerClass: whole(1),
  sampler: oneOf(Object.keys(SAMPLERS)),
  optimizer: oneOf(Object.keys(OPTIMIZERS)),
  weightDecay: NOT_NEGATIVE,
  warmupEpochs: whole(0),
  clipNorm: NOT_NEGATIVE,
  ema: [(value: number) => value >= 0 && value < 1, 'a number from 0 to below 1'],
  seed: whole(0),
  train: [
    (value: string) => /^(head|all|last:.+)$/.test(value),
    'head, all, or last:<blocks> or last:<block, node or value> to begin at',
  ],
  tuneEpochs: whole(1),
  tuneRates: [
    (value: readonly number[]) => value.length > 0 && value.every(isRate),
    'one number above 0 or more',
  ],
};

export type Recipe = RecipeOptions &
  Required<Pick<RecipeOptions, keyof typeof DEFAULTS>> & {
    /** True: no length was asked for. */
    readonly anyLength: boolean;
    /** Names of what is fitted: all methods, or the closed forms and the one that is asked for. */
    readonly methods: readonly string[];
  };

/**
 * The recipe's options out of any that hold them, with defaults. Throws `invalid_argument` where the loss is unknown or
 * has a length of its own, or a number is out of its range; what depends on the data or the backbone is checked where it is known.
 */
export function resolveRecipe(options: RecipeOptions): Recipe {
  const given = RECIPE_OPTIONS.filter((name) => options[name] !== undefined);
  const recipe: Omit<Recipe, 'methods'> = {
    ...{ ...DEFAULTS, anyLength: options.dimension === undefined },
    ...Object.fromEntries(given.map((name) => [name, options[name]])),
  };
  const { loss } = recipe;
  for (const name of given) {
    const [fits, expected] = CHECKS[name] ?? [];
    if (fits && !fits(options[name] as never)) throw invalid(name, expected!, options[name]);
  }
  if (loss === 'whitening' && !recipe.anyLength) {
    throw invalid(
      'dimension',
      'none: whitening keeps all directions, having no order to cut them by (lda and plda have one)',
      recipe.dimension,
    );
  }
  if (loss === 'auto') return { ...recipe, methods: METHODS };
  if (!METHODS.includes(loss)) throw invalid('loss', `auto or one of ${METHODS.join(', ')}`, loss);
  return { ...recipe, methods: [...new Set(['pca', 'lda', 'plda', 'whitening', loss])] };
}

/** What the trainer of heads is told beyond its defaults. */
export function trainingOf(recipe: RecipeOptions): HeadTraining {
  const { sampler, optimizer, weightDecay, warmupEpochs, clipNorm, ema } = recipe;
  return {
    ...{ sampler, weightDecay, warmupEpochs, clipNorm, ema },
    optimizer: optimizer && { kind: optimizer },
  };
}
