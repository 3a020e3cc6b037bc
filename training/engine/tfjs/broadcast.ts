// Broadcasting by numpy's rule, done before an operator where the library's own is slow: in wasm only sums and products of float32
// broadcast fast, all else (comparisons, extremes, tiling, anything of whole numbers) takes over 100 times as long.

import type { Backend, Tensor } from './load.ts';

type On = { readonly backend: Backend };

export function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const [left, right] = [a[axis - rank + a.length] ?? 1, b[axis - rank + b.length] ?? 1];
    return left === 1 ? right : left;
  });
}

/** `x` with these dims, which it broadcasts to. Gradients are summed back. */
export function spread({ backend: { tf, composed } }: On, x: Tensor, shape: readonly number[]): Tensor {
  if (String(x.shape) === String(shape)) return x;
  if (!composed || x.dtype === 'int32') return tf.broadcastTo(x, [...shape]);
  const wide = tf.add(x.toFloat(), tf.zeros([...shape]));
  return x.dtype === 'bool' ? wide.toBool() : wide;
}

/** Two tensors ready to be compared, as `compute` does, element by element. */
export function compared(on: On, a: Tensor, b: Tensor, compute: (a: Tensor, b: Tensor) => Tensor): Tensor {
  const shape = broadcastShape(a.shape, b.shape);
  const slow = on.backend.composed && a.size > 1 && b.size > 1 && String(a.shape) !== String(b.shape);
  if (!slow) return compute(a, b);
  const whole = a.dtype === 'int32' && b.dtype === 'int32';
  if (whole && !(exact(a) && exact(b))) return compute(a, b);
  return compute(spread(on, a.toFloat(), shape), spread(on, b.toFloat(), shape));
}

/** Whole numbers that float32 has too. What is broadcast is small, so that looking costs little. */
const exact = (x: Tensor) => x.dataSync().every((value) => Math.abs(value) < 2 ** 24);
