// Sums, products and powers, element by element with numpy's broadcasting.

import { number } from '../../../autodiff/rule.ts';
import { broadcastShape, spread } from '../broadcast.ts';
import type { Tensor } from '../load.ts';
import { any, type Operator, refused, type Step } from '../operator.ts';

/** Computes with two inputs, as float32 or int32, whichever they are. */
const two = (compute: (step: Step, a: Tensor, b: Tensor) => Tensor): Operator =>
  any((step) => compute(step, step.inputs[0]!, step.inputs[1]!));

/** Folds any number of inputs. */
const many = (compute: (step: Step, a: Tensor, b: Tensor) => Tensor): Operator =>
  any((step) => (step.inputs as Tensor[]).reduce((sofar, next) => compute(step, sofar, next)));

/**
 * The library's gradient of an extreme does not undo broadcasting, so that is done first. A lone number that no gradient is
 * wanted of can stay as it is.
 */
const extreme = (which: 'maximum' | 'minimum') =>
  many((step, a, b) => {
    const shape = broadcastShape(a.shape, b.shape);
    const still = !step.active.some((active) => active);
    const ready = (x: Tensor, input: number) =>
      x.size === 1 && (still || (step.inputs.length === 2 && !step.active[input]))
        ? x
        : spread(step, x, shape);
    return step.tf[which](ready(a, 0), ready(b, 1));
  });

function power(step: Step, x: Tensor, exponent: Tensor): Tensor {
  const { tf } = step;
  if (step.active[1]) throw refused(step, 'a gradient by the exponent');
  const constant = step.constant(1);
  if (constant?.length === 1) {
    if (constant[0] === 1) return x;
    if (constant[0] === 2) return tf.square(x);
    if (constant[0] === 0.5) return tf.sqrt(x);
  }
  return tf.pow(x, exponent.toFloat());
}

/** ONNX divides whole numbers towards zero; the library divides them as floats or rounds down. */
function divide({ tf }: Step, a: Tensor, b: Tensor): Tensor {
  if (a.dtype !== 'int32' || b.dtype !== 'int32') return tf.div(a, b);
  return tf.cast(tf.div(a.toFloat(), b.toFloat()), 'int32');
}

export const ARITHMETIC: Readonly<Record<string, Operator>> = {
  Add: two(({ tf }, a, b) => tf.add(a, b)),
  Sub: two(({ tf }, a, b) => tf.sub(a, b)),
  Mul: two(({ tf }, a, b) => tf.mul(a, b)),
  Div: two(divide),
  Mod: two((step, a, b) => {
    if (number(step.node, 'fmod', 0) === 1) throw refused(step, 'fmod 1');
    return step.tf.mod(a, b);
  }),
  Pow: two(power),
  Max: extreme('maximum'),
  Min: extreme('minimum'),
  Sum: many(({ tf }, a, b) => tf.add(a, b)),
  Mean: any((step) => {
    const { tf } = step;
    const inputs = step.inputs as Tensor[];
    return tf.div(
      inputs.reduce((sofar, next) => tf.add(sofar, next)),
      inputs.length,
    );
  }),
};
