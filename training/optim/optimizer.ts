// What an optimiser is to an engine: its kind and numbers, the tensors it keeps for each parameter, and what it needs to
// know of each step. The update itself, as graph nodes, is in update.ts.

import { invalid, refuseUnknown } from '../../src/errors/error.ts';

export interface AdamOptions {
  /** `adamw` decays parameters apart from the gradient, `adam` adds weightDecay · p to it, so that loss scale matters. */
  readonly kind: 'adamw' | 'adam';
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

/** g' = g + weightDecay · p; u = momentum · u + g'; p = p - lr · (g' + momentum · u under Nesterov, else u). As PyTorch. */
export interface SgdOptions {
  readonly kind: 'sgd';
  /** 0 keeps no tensors. */
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
}

export type Optimizer = AdamOptions | SgdOptions;

/** An optimiser by its kind and the numbers that differ from its defaults; the decay is the run's. */
export type OptimizerChoice =
  | ({ readonly kind: AdamOptions['kind'] } & Partial<Omit<AdamOptions, 'kind' | 'weightDecay'>>)
  | ({ readonly kind: 'sgd' } & Partial<Omit<SgdOptions, 'kind' | 'weightDecay'>>);

export const ADAMW: AdamOptions = {
  kind: 'adamw',
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 1e-4,
};
export const ADAM: AdamOptions = { ...ADAMW, kind: 'adam' };
export const SGD: SgdOptions = { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 1e-4 };
/** By kind, as by default. */
export const OPTIMIZERS = { adamw: ADAMW, adam: ADAM, sgd: SGD };

/** Tensors that are kept for every parameter, as `<parameter>/<slot>`, all zero at first. */
export function slotsOf(optimizer: Optimizer): readonly string[] {
  if (optimizer.kind !== 'sgd') return ['first', 'second'];
  return optimizer.momentum === 0 ? [] : ['momentum'];
}

/** Adam's two bias corrections after `step` updates (1 for the first): 1 - beta1^step and √(1 - beta2^step), in float64. */
export function corrections(step: number, { beta1, beta2 }: AdamOptions): [number, number] {
  return [1 - beta1 ** step, Math.sqrt(1 - beta2 ** step)];
}

/**
 * How much of `<parameter>/average` stays in update `step` (1 for the first): average = stays · average + (1 - stays) · p.
 * Rises to `ema`, so that the initial values are soon forgotten (tf.train.ExponentialMovingAverage with num_updates).
 */
export const averageDecay = (step: number, ema: number) => Math.min(ema, (1 + step) / (10 + step));

/** Fills in the defaults of the kind. Throws `invalid_argument` and `unknown_option`. */
export function chooseOptimizer(choice: OptimizerChoice, weightDecay: number): Optimizer {
  const defaults = OPTIMIZERS[choice.kind];
  if (!defaults) throw invalid('optimizer.kind', 'adamw, adam or sgd', choice.kind);
  const { weightDecay: _, ...known } = defaults;
  refuseUnknown(choice, Object.keys(known), 'optimizer');
  const chosen = { ...defaults, ...choice, weightDecay } as Optimizer;
  const need = (field: string, fits: boolean, expected: string) => {
    if (!fits) throw invalid(`optimizer.${field}`, expected, (chosen as never)[field]);
  };
  const share = (value: number) => value >= 0 && value < 1;
  if (chosen.kind === 'sgd') {
    need('momentum', share(chosen.momentum), 'a number from 0 to below 1');
    need('nesterov', !chosen.nesterov || chosen.momentum > 0, 'false without momentum');
  } else {
    need('beta1', share(chosen.beta1), 'a number from 0 to below 1');
    need('beta2', share(chosen.beta2), 'a number from 0 to below 1');
    need('epsilon', chosen.epsilon > 0, 'a number above 0');
  }
  return chosen;
}
