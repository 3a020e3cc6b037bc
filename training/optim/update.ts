// One optimiser step of one parameter as graph nodes. AdamW: Loshchilov & Hutter 2019; Adam with coupled decay and SGD with
// momentum: as PyTorch has them.

import type { Ops } from '../graph/ops.ts';
import type { AdamOptions, Optimizer, SgdOptions } from './optimizer.ts';

export interface UpdateInput {
  readonly ops: Ops;
  readonly parameter: string;
  readonly gradient: string;
  /** Values of the tensors that slotsOf names, by slot. */
  readonly slots: Readonly<Record<string, string>>;
  /** Scalars of this step: Adam's corrections are not needed for SGD. */
  readonly learningRate: string;
  readonly correction1: string;
  readonly correction2: string;
  /** Value [rows, 1] of 0 and 1: where it is 0, parameter and slots stay as they are. */
  readonly touched?: string;
}

export interface Updated {
  readonly parameter: string;
  readonly slots: Readonly<Record<string, string>>;
}

/** Appends the update and returns the names of the new values. `optimizer.weightDecay` is this parameter's. */
export function addUpdate(input: UpdateInput, optimizer: Optimizer): Updated {
  const updated = optimizer.kind === 'sgd' ? sgd(input, optimizer) : adam(input, optimizer);
  const { ops, parameter, slots, touched } = input;
  if (touched === undefined) return updated;
  const where = ops.greater(touched, 0);
  const kept = Object.entries(updated.slots).map(([slot, value]) => [
    slot,
    ops.where(where, value, slots[slot]!),
  ]);
  return { parameter: ops.where(where, updated.parameter, parameter), slots: Object.fromEntries(kept) };
}

/**
 * m' = β₁m + (1-β₁)g, v' = β₂v + (1-β₂)g², p' = p - lr m'/c₁ / (√v'/c₂ + ε), and lr λp off p (adamw) or λp onto g (adam).
 * Written with as few passes over the tensors as there are: lr c₂/c₁ · m' / (√v' + ε c₂) is the same step.
 */
function adam(input: UpdateInput, { kind, beta1, beta2, epsilon, weightDecay }: AdamOptions): Updated {
  const { ops, parameter, slots, learningRate, correction1, correction2 } = input;
  const coupled = weightDecay > 0 && kind === 'adam';
  const decoupled = weightDecay > 0 && kind === 'adamw';
  const gradient = coupled ? ops.add(input.gradient, ops.mul(weightDecay, parameter)) : input.gradient;
  const first = ops.add(ops.mul(beta1, slots.first!), ops.mul(1 - beta1, gradient));
  const second = ops.add(ops.mul(beta2, slots.second!), ops.mul(1 - beta2, ops.mul(gradient, gradient)));
  const rate = ops.mul(learningRate, ops.div(correction2, correction1));
  const deviation = ops.add(ops.sqrt(second), ops.mul(epsilon, correction2));
  const from = decoupled ? ops.mul(parameter, ops.sub(1, ops.mul(weightDecay, learningRate))) : parameter;
  const moved = ops.sub(from, ops.mul(rate, ops.div(first, deviation)));
  return { parameter: moved, slots: { first, second } };
}

function sgd(input: UpdateInput, { momentum, nesterov, weightDecay }: SgdOptions): Updated {
  const { ops, parameter, slots, learningRate } = input;
  const gradient =
    weightDecay > 0 ? ops.add(input.gradient, ops.mul(weightDecay, parameter)) : input.gradient;
  const moved = (step: string) => ops.sub(parameter, ops.mul(learningRate, step));
  if (momentum === 0) return { parameter: moved(gradient), slots: {} };
  const velocity = ops.add(ops.mul(momentum, slots.momentum!), gradient);
  const step = nesterov ? ops.add(gradient, ops.mul(momentum, velocity)) : velocity;
  return { parameter: moved(step), slots: { momentum: velocity } };
}
