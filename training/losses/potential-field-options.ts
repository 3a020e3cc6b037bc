// The choices of the potential field loss, what the paper and we set them to, and their check. Not the loss (potential-field.ts).

import { invalid } from '../../src/errors/error.ts';

export interface PotentialFieldOptions {
  /** Power of the decay: the force of a charge at distance d is alpha / d^(alpha+1). */
  readonly alphaAttraction: number;
  readonly alphaRepulsion: number;
  /** Attraction is flat (no force) inside deltaAttraction, repulsion flat outside deltaRepulsion. */
  readonly deltaAttraction: number;
  readonly deltaRepulsion: number;
  /** Weight of the repulsion; the paper has none, that is 1. */
  readonly repulsionWeight: number;
  /** Learned charges per class, 0 or more. */
  readonly proxiesPerClass: number;
  /** Proxies are scaled to unit length before distances are taken. The paper does not say. */
  readonly normalizeProxies: boolean;
  /** Proxies of one class attract each other, as Eq. 6 has it; without it they can spread over the modes of the class. */
  readonly siblingAttraction: boolean;
  /** Where proxies start: normal noise, or the mean of their class with a little of it. The paper does not say. */
  readonly proxyInit: 'random' | 'class-mean';
  /** Learning rate of the proxies relative to the head's. */
  readonly proxyLearningRateMultiplier: number;
  /**
   * `sum`: Eq. 6. `mean`: Eq. 6 divided by its number of pairs (equal steps under AdamW, not under Adam with coupled
   * decay). `log`: not the paper's; mean over the samples of log(1+A) + repulsionWeight log(1+R), with A and R the
   * fields at that sample in units of the potential at deltaRepulsion. Proxies are then sources only.
   */
  readonly reduction: 'sum' | 'mean' | 'log';
  /** Repulsion stops growing, and pushing, below this distance: what float32 dot products can resolve. */
  readonly distanceFloor: number;
  /**
   * Largest force of a pair, in units of alpha / d^(alpha+1): where it would be larger it is this, so that the potential goes on as
   * a straight line. 0: no limit but what distanceFloor leaves, alpha / distanceFloor^(alpha+1). Not the paper's.
   */
  readonly forceCap: number;
  /** Both alphas start at this part of their value and grow evenly to it: long-range first. 1: no schedule. Not the paper's. */
  readonly alphaStart: number;
  /**
   * Only proxies of classes in the batch are updated; moments of the others stand still, and pairs of two that rest are left
   * out of the energy. Not the paper's.
   */
  readonly lazyProxies: boolean;
  /** So many earlier embeddings are charges too, sources that feel nothing; 0 or at least a batch. Not the paper's. */
  readonly memory: number;
  /** Steps before the memory acts: the embeddings of the first steps are soon wrong. */
  readonly memoryWarmup: number;
  /**
   * Which pairs are computed. `dense`: all. `sparse`: those that can act, found before each step; same value and gradients.
   * `auto`: sparse where the dense form would be large (DENSE_PAIRS).
   */
  readonly form: 'dense' | 'sparse' | 'auto';
}

/**
 * `form: auto` is dense up to so many pairs of charges: 1,100 charges as printed are as fast either way, 2,100 sparse in half the time
 * and a fifth of the memory.
 */
export const DENSE_PAIRS = 2 ** 22;

/** And up to so many numbers in lazy proxies. */
export const DENSE_NUMBERS = 2 ** 24;

/** As printed (alpha 3, delta 0.2, 15 proxies, plain sum over all pairs), for training a whole network, at a rate of 1e-4. */
export const PAPER: PotentialFieldOptions = {
  alphaAttraction: 3,
  alphaRepulsion: 3,
  deltaAttraction: 0.2,
  deltaRepulsion: 0.2,
  repulsionWeight: 1,
  proxiesPerClass: 15,
  normalizeProxies: true,
  siblingAttraction: true,
  proxyInit: 'random',
  proxyLearningRateMultiplier: 100,
  reduction: 'sum',
  distanceFloor: 0.01,
  forceCap: 0,
  alphaStart: 1,
  lazyProxies: false,
  memory: 0,
  memoryWarmup: 0,
  form: 'auto',
};

/** A variant of ours for linear heads on frozen features, where the printed radii never let repulsion act. */
const FROZEN_FEATURES: PotentialFieldOptions = {
  ...PAPER,
  alphaAttraction: 1,
  alphaRepulsion: 4,
  deltaAttraction: 0.7,
  deltaRepulsion: 1.2,
  repulsionWeight: 0.3,
  proxiesPerClass: 1,
  siblingAttraction: false,
  proxyInit: 'class-mean',
  proxyLearningRateMultiplier: 3,
  reduction: 'log',
};

export const POTENTIAL_FIELD_PRESETS = { paper: PAPER, 'frozen-features': FROZEN_FEATURES } as const;

export type PotentialFieldPreset = keyof typeof POTENTIAL_FIELD_PRESETS;

/** Throws `invalid_argument`. */
export function checked(o: PotentialFieldOptions): PotentialFieldOptions {
  const need = (field: keyof PotentialFieldOptions, fits: boolean, expected: string) => {
    if (!fits) throw invalid(field, expected, o[field]);
  };
  for (const field of ['alphaAttraction', 'alphaRepulsion', 'proxyLearningRateMultiplier'] as const) {
    need(field, o[field] > 0 && Number.isFinite(o[field]), 'a number above 0');
  }
  need('distanceFloor', o.distanceFloor >= 1e-3 && o.distanceFloor < 2, 'a distance of 0.001 to 2');
  for (const field of ['deltaAttraction', 'deltaRepulsion'] as const) {
    need(field, o[field] > o.distanceFloor && o[field] <= 2, 'a distance above distanceFloor and up to 2');
  }
  for (const field of ['repulsionWeight', 'forceCap'] as const) {
    need(field, o[field] >= 0 && Number.isFinite(o[field]), 'a number of 0 or more');
  }
  for (const field of ['proxiesPerClass', 'memory', 'memoryWarmup'] as const) {
    need(field, Number.isInteger(o[field]) && o[field] >= 0, 'a whole number of 0 or more');
  }
  need('proxyInit', ['random', 'class-mean'].includes(o.proxyInit), 'random or class-mean');
  need('reduction', ['sum', 'mean', 'log'].includes(o.reduction), 'sum, mean or log');
  need('alphaStart', o.alphaStart > 0 && o.alphaStart <= 1, 'a number above 0 and up to 1');
  need('form', ['dense', 'sparse', 'auto'].includes(o.form), 'dense, sparse or auto');
  need('lazyProxies', typeof o.lazyProxies === 'boolean', 'true or false');
  const siblingsFit = !(o.siblingAttraction && o.reduction === 'log');
  need('siblingAttraction', siblingsFit, 'false with reduction log, where proxies feel no field');
  return o;
}
