// Products of matrices, also many at once.

import { number } from '../../../autodiff/rule.ts';
import { broadcastShape, spread } from '../broadcast.ts';
import type { Tensor } from '../load.ts';
import { differentiable, type Operator, plain, type Step } from '../operator.ts';

const swapped = (rank: number) => [...Array(rank - 2).keys(), rank - 1, rank - 2];

/** a · b of matrices or of equally many of them. wasm's product of a transposed matrix takes a path 65 times slower. */
export function product(step: Step, a: Tensor, b: Tensor, active = step.active): Tensor {
  const { tf, backend } = step;
  if (!backend.composed) return tf.matMul(a, b);
  const turned = (x: Tensor) => tf.transpose(x, swapped(x.rank));
  return differentiable(step, {
    inputs: [a, b],
    active,
    forward: () => tf.matMul(a, b),
    backward: (gradient, [left, right]) => [
      () => tf.matMul(gradient, turned(right!)),
      () => tf.matMul(turned(left!), gradient),
    ],
  });
}

/** MatMul by numpy's rules: a vector is a row on the left and a column on the right, axes before the last two broadcast. */
function matmul(step: Step): Tensor {
  const { tf, outputDims } = step;
  let [a, b] = step.inputs as [Tensor, Tensor];
  if (a.rank === 1) a = tf.reshape(a, [1, -1]);
  if (b.rank === 1) b = tf.reshape(b, [-1, 1]);
  let result: Tensor;
  if (b.rank === 2) {
    result = product(step, tf.reshape(a, [-1, a.shape.at(-1)!]), b);
  } else {
    const batch = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
    const stacked = (x: Tensor) => {
      const own = x.shape.slice(-2);
      return tf.reshape(spread(step, x, [...batch, ...own]), [-1, ...own]);
    };
    result = product(step, stacked(a), stacked(b));
  }
  return tf.reshape(result, [...outputDims[0]!]);
}

function gemm(step: Step): Tensor {
  const { tf, node } = step;
  const [a, b, c] = step.inputs as [Tensor, Tensor, Tensor | undefined];
  const alpha = number(node, 'alpha', 1);
  const beta = number(node, 'beta', 1);
  const left = number(node, 'transA', 0) === 1 ? tf.transpose(a) : a;
  const right = number(node, 'transB', 0) === 1 ? tf.transpose(b) : b;
  const raw = product(step, left, right);
  const scaled = alpha === 1 ? raw : tf.mul(raw, alpha);
  if (!c) return scaled;
  return tf.add(scaled, beta === 1 ? c : tf.mul(c, beta));
}

export const LINEAR: Readonly<Record<string, Operator>> = { Gemm: plain(gemm), MatMul: plain(matmul) };
