// Clipping, one optimiser step and the average of a parameter, as tensors. The same formulas in the same order as
// ../../optim/{clip,update}.ts, which write them as graph nodes.

import type { AdamOptions, Optimizer, SgdOptions } from '../../optim/optimizer.ts';
import type { Tensor, Tf } from './load.ts';

export interface ClipLimits {
  readonly clipValue?: number;
  readonly clipNorm?: number;
}

/** Limits every number first, then the norm of all together. */
export function clipGradients(
  tf: Tf,
  gradients: ReadonlyMap<string, Tensor>,
  { clipValue, clipNorm }: ClipLimits,
): ReadonlyMap<string, Tensor> {
  const map = (change: (gradient: Tensor) => Tensor, of: ReadonlyMap<string, Tensor>) =>
    new Map([...of].map(([name, gradient]) => [name, change(gradient)]));
  const bounded =
    clipValue === undefined ? gradients : map((g) => tf.clipByValue(g, -clipValue, clipValue), gradients);
  if (clipNorm === undefined) return bounded;
  const squares = [...bounded.values()].map((gradient) => tf.sum(tf.square(gradient)));
  const norm = tf.sqrt(squares.reduce<Tensor>((sum, square) => tf.add(sum, square), tf.scalar(0)));
  const scale = tf.minimum(1, tf.div(clipNorm, tf.add(norm, 1e-12)));
  return map((g) => tf.mul(g, scale), bounded);
}

export interface UpdateInput {
  readonly parameter: Tensor;
  readonly gradient: Tensor;
  /** The tensors that slotsOf names, by slot. */
  readonly slots: Readonly<Record<string, Tensor>>;
  /** Of this parameter. */
  readonly learningRate: number;
  readonly corrections: readonly [number, number];
  /** [rows, 1] of 0 and 1: where it is 0, parameter and slots stay as they are. */
  readonly touched?: Tensor;
}

export interface Updated {
  readonly parameter: Tensor;
  readonly slots: Readonly<Record<string, Tensor>>;
}

/** New tensors for the parameter and its slots. `optimizer.weightDecay` is this parameter's. */
export function update(tf: Tf, input: UpdateInput, optimizer: Optimizer): Updated {
  const updated = optimizer.kind === 'sgd' ? sgd(tf, input, optimizer) : adam(tf, input, optimizer);
  const { parameter, slots, touched } = input;
  if (!touched) return updated;
  const where = tf.greater(touched, 0);
  const kept = Object.entries(updated.slots).map(([slot, value]) => [
    slot,
    tf.where(where, value, slots[slot]!),
  ]);
  return { parameter: tf.where(where, updated.parameter, parameter), slots: Object.fromEntries(kept) };
}

function adam(tf: Tf, input: UpdateInput, options: AdamOptions): Updated {
  const { parameter, slots, learningRate, corrections } = input;
  const { kind, beta1, beta2, epsilon, weightDecay } = options;
  const decays = weightDecay > 0;
  const gradient =
    decays && kind === 'adam' ? tf.add(input.gradient, tf.mul(parameter, weightDecay)) : input.gradient;
  const first = tf.add(tf.mul(slots.first!, beta1), tf.mul(gradient, 1 - beta1));
  const second = tf.add(tf.mul(slots.second!, beta2), tf.mul(tf.square(gradient), 1 - beta2));
  const deviation = tf.add(tf.div(tf.sqrt(second), corrections[1]), epsilon);
  const move = tf.mul(tf.div(first, deviation), learningRate / corrections[0]);
  const from = decays && kind === 'adamw' ? tf.mul(parameter, 1 - weightDecay * learningRate) : parameter;
  return { parameter: tf.sub(from, move), slots: { first, second } };
}

function sgd(tf: Tf, input: UpdateInput, { momentum, nesterov, weightDecay }: SgdOptions): Updated {
  const { parameter, slots, learningRate } = input;
  const gradient = weightDecay > 0 ? tf.add(input.gradient, tf.mul(parameter, weightDecay)) : input.gradient;
  const moved = (step: Tensor) => tf.sub(parameter, tf.mul(step, learningRate));
  if (momentum === 0) return { parameter: moved(gradient), slots: {} };
  const velocity = tf.add(tf.mul(slots.momentum!, momentum), gradient);
  return {
    parameter: moved(nesterov ? tf.add(gradient, tf.mul(velocity, momentum)) : velocity),
    slots: { momentum: velocity },
  };
}
