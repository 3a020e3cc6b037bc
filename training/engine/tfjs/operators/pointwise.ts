// Functions of one tensor, element by element: activations, roots, limits.

import { number, text } from '../../../autodiff/rule.ts';
import { detached } from '../detach.ts';
import type { Tensor, Tf } from '../load.ts';
import { any, type Compute, differentiable, flat, type Operator, refused, type Step } from '../operator.ts';

const one = (compute: (tf: Tf, x: Tensor, step: Step) => Tensor): Operator =>
  any((step) => compute(step.tf, step.inputs[0]!, step));

/** 1 where the condition holds, else 0. */
const mask = (condition: Tensor) => condition.toFloat();

/** |x| as x sign(x): the library's own gradient is -1 at 0. */
const absolute = (tf: Tf, x: Tensor) => tf.mul(x, tf.sign(detached(tf, x)));

/** Limits that are left out do not limit. No gradient at a limit, as in autodiff's rule; the library lets it through there. */
function limited(step: Step, x: Tensor, low: number, high: number): Tensor {
  const { tf } = step;
  return differentiable(step, {
    inputs: [x],
    active: [step.active[0]!],
    forward: () =>
      x.dtype === 'int32' ? tf.minimum(tf.maximum(x, low), high) : tf.clipByValue(x, low, high),
    backward: (gradient, [input]) => [
      () => tf.mul(gradient, mask(tf.logicalAnd(tf.greater(input!, low), tf.less(input!, high)))),
    ],
  });
}

/** Larger than any float32 in use, and small enough to be one. */
const FAR = 3.4e38;

const clip: Compute = (step) => {
  const limit = (i: number, fallback: number) => {
    const attribute = number(step.node, i === 1 ? 'min' : 'max', fallback);
    if (!step.node.inputs[i]) return attribute;
    const given = step.constant(i) ?? step.inputs[i]!.dataSync();
    return given[0]!;
  };
  return limited(step, step.inputs[0]!, limit(1, -FAR), limit(2, FAR));
};

const hardSigmoid = (step: Step, x: Tensor, alpha: number, beta: number) =>
  limited(step, step.tf.add(step.tf.mul(x, alpha), beta), 0, 1);

function gelu(tf: Tf, x: Tensor, step: Step): Tensor {
  const approximate = text(step.node, 'approximate', 'none');
  if (approximate === 'none') return tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
  if (approximate !== 'tanh') throw refused(step, `approximate "${approximate}"`);
  const inner = tf.mul(tf.add(x, tf.mul(tf.mul(tf.square(x), x), 0.044715)), Math.sqrt(2 / Math.PI));
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(inner), 1));
}

/** In training mode a Dropout would have to draw from a seed; losses and networks here do not use it. */
const dropout: Compute = (step) => {
  const training = step.node.inputs[2] ? (step.constant(2) ?? step.inputs[2]!.dataSync())[0] : 0;
  const ratio = step.node.inputs[1] ? step.constant(1)?.[0] : number(step.node, 'ratio', 0.5);
  if (training && ratio !== 0) throw refused(step, 'training mode');
  return [step.inputs[0]!, step.node.outputs[1] ? step.tf.onesLike(step.inputs[0]!).toBool() : undefined];
};

export const POINTWISE: Readonly<Record<string, Operator>> = {
  Abs: one(absolute),
  Ceil: flat(one((tf, x) => tf.ceil(x))),
  Clip: any(clip),
  Cos: one((tf, x) => tf.cos(x)),
  Dropout: any(dropout),
  Elu: one((tf, x, step) => {
    const alpha = number(step.node, 'alpha', 1);
    return tf.sub(tf.relu(x), tf.mul(tf.sub(1, tf.exp(tf.neg(tf.relu(tf.neg(x))))), alpha));
  }),
  Erf: one((tf, x) => tf.erf(x)),
  Exp: one((tf, x) => tf.exp(x)),
  Floor: flat(one((tf, x) => tf.floor(x))),
  Gelu: one(gelu),
  HardSigmoid: one((_, x, step) =>
    hardSigmoid(step, x, number(step.node, 'alpha', 0.2), number(step.node, 'beta', 0.5)),
  ),
  HardSwish: one((tf, x, step) => tf.mul(x, hardSigmoid(step, x, 1 / 6, 0.5))),
  Identity: one((_, x) => x),
  LeakyRelu: one((tf, x, step) => {
    const alpha = number(step.node, 'alpha', 0.01);
    return tf.sub(tf.relu(x), tf.mul(tf.relu(tf.neg(x)), alpha));
  }),
  Log: one((tf, x) => tf.log(x)),
  Neg: one((tf, x) => tf.neg(x)),
  PRelu: any(({ tf, inputs: [x, slope] }) => tf.sub(tf.relu(x!), tf.mul(tf.relu(tf.neg(x!)), slope!))),
  Reciprocal: one((tf, x) => tf.div(1, x)),
  Relu: one((tf, x) => tf.relu(x)),
  Round: flat(one((tf, x) => tf.round(x))),
  Sigmoid: one((tf, x) => tf.sigmoid(x)),
  Sign: flat(one((tf, x) => tf.sign(x))),
  Sin: one((tf, x) => tf.sin(x)),
  Softplus: one((tf, x) => tf.softplus(x)),
  Sqrt: one((tf, x) => tf.sqrt(x)),
  Tanh: one((tf, x) => tf.tanh(x)),
};
