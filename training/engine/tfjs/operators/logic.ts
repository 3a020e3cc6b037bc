// Comparisons, logic, casts and the choice by a condition. Only the choice and casts between floats let gradients through.

import { number } from '../../../autodiff/rule.ts';
import { broadcastShape, compared, spread } from '../broadcast.ts';
import { detached } from '../detach.ts';
import type { Tensor, Tf } from '../load.ts';
import { any, type Compute, flat, type Operator, refused } from '../operator.ts';

const compare = (compute: (tf: Tf, a: Tensor, b: Tensor) => Tensor): Operator =>
  flat(any((step) => compared(step, step.inputs[0]!, step.inputs[1]!, (a, b) => compute(step.tf, a, b))));

/** Of conditions, not of numbers. */
const logical = (compute: (tf: Tf, a: Tensor, b: Tensor) => Tensor): Operator =>
  flat(
    any((step) => {
      const [a, b] = step.inputs as [Tensor, Tensor];
      const shape = broadcastShape(a.shape, b.shape);
      return compute(step.tf, spread(step, a, shape), spread(step, b, shape));
    }),
  );

/** What is taken and what is not are brought to one shape first, as is the condition. */
const where: Compute = (step) => {
  const [condition, a, b] = step.inputs as [Tensor, Tensor, Tensor];
  const shape = broadcastShape(condition.shape, broadcastShape(a.shape, b.shape));
  return step.tf.where(spread(step, condition, shape), spread(step, a, shape), spread(step, b, shape));
};

/** ONNX's numbers of types, as the library's; it has no other float and no other whole number. */
const TYPES: Readonly<Record<number, 'float32' | 'int32' | 'bool'>> = {
  1: 'float32',
  2: 'int32',
  3: 'int32',
  6: 'int32',
  7: 'int32',
  9: 'bool',
  11: 'float32',
};

const cast: Compute = (step) => {
  const { tf, node } = step;
  const type = TYPES[number(node, 'to', 0)];
  if (!type) throw refused(step, `a cast to type ${number(node, 'to', 0)}`);
  const x = step.inputs[0]!;
  if (x.dtype === type) return x;
  return type === 'float32' ? tf.cast(x, type) : tf.cast(detached(tf, x), type);
};

export const LOGIC: Readonly<Record<string, Operator>> = {
  And: logical((tf, a, b) => tf.logicalAnd(a, b)),
  Cast: any(cast),
  Equal: compare((tf, a, b) => tf.equal(a, b)),
  Greater: compare((tf, a, b) => tf.greater(a, b)),
  GreaterOrEqual: compare((tf, a, b) => tf.greaterEqual(a, b)),
  IsInf: flat(any(({ tf, inputs: [x] }) => tf.isInf(x!))),
  IsNaN: flat(any(({ tf, inputs: [x] }) => tf.isNaN(x!))),
  Less: compare((tf, a, b) => tf.less(a, b)),
  LessOrEqual: compare((tf, a, b) => tf.lessEqual(a, b)),
  Not: flat(any(({ tf, inputs: [x] }) => tf.logicalNot(x!))),
  Or: logical((tf, a, b) => tf.logicalOr(a, b)),
  Where: any(where),
};
