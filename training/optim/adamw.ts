// AdamW (Loshchilov & Hutter 2019) as graph nodes: one update of one parameter. Decoupled decay, so that the scale of a
// loss does not change what the decay does.

import type { Ops } from '../graph/ops.ts';

export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

export const ADAMW: AdamWOptions = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 1e-4 };

/** The two bias corrections after `step` updates (1 for the first): 1 - beta1^step and √(1 - beta2^step), in float64. */
export function corrections(step: number, { beta1, beta2 }: AdamWOptions): [number, number] {
  return [1 - beta1 ** step, Math.sqrt(1 - beta2 ** step)];
}

export interface AdamWStep {
  readonly ops: Ops;
  readonly parameter: string;
  readonly gradient: string;
  readonly first: string;
  readonly second: string;
  /** Scalars of this step. */
  readonly learningRate: string;
  readonly correction1: string;
  readonly correction2: string;
  /** Value [rows, 1] of 0 and 1: where it is 0, parameter and moments stay as they are. */
  readonly touched?: string;
  readonly options: AdamWOptions;
}

/**
 * Appends m' = β₁m + (1-β₁)g, v' = β₂v + (1-β₂)g², p' = p - lr (m'/c₁ / (√v'/c₂ + ε) + λp) and returns the names of
 * p', m' and v'.
 */
export function addAdamW(step: AdamWStep): { parameter: string; first: string; second: string } {
  const { ops, parameter, gradient, learningRate, correction1, correction2, options } = step;
  const { beta1, beta2, epsilon, weightDecay } = options;
  const first = ops.add(ops.mul(beta1, step.first), ops.mul(1 - beta1, gradient));
  const second = ops.add(ops.mul(beta2, step.second), ops.mul(1 - beta2, ops.mul(gradient, gradient)));
  const deviation = ops.add(ops.div(ops.sqrt(second), correction2), epsilon);
  const move = ops.mul(ops.div(learningRate, correction1), ops.div(first, deviation));
  const decayed = ops.mul(parameter, ops.sub(1, ops.mul(weightDecay, learningRate)));
  const updated = { parameter: ops.sub(decayed, move), first, second };
  if (step.touched === undefined) return updated;
  const where = ops.greater(step.touched, 0);
  return {
    parameter: ops.where(where, updated.parameter, parameter),
    first: ops.where(where, first, step.first),
    second: ops.where(where, second, step.second),
  };
}

/** Appends the scaling of all gradients together to a global norm of at most `limit`; returns the new names. */
export function clipGradients(
  ops: Ops,
  gradients: Readonly<Record<string, string>>,
  limit: number,
): Record<string, string> {
  const squares = Object.values(gradients).map((gradient) => ops.sum(ops.mul(gradient, gradient)));
  const norm = ops.sqrt(squares.reduce((sum, square) => ops.add(sum, square)));
  const scale = ops.min(1, ops.div(limit, ops.add(norm, 1e-12)));
  return Object.fromEntries(
    Object.entries(gradients).map(([name, gradient]) => [name, ops.mul(gradient, scale)]),
  );
}
