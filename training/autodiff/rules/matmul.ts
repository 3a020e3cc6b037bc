// y = a b of two matrices, or of stacks of them that broadcast together; a vector is a row on the left, a column on the right.
// dL/da = g bᵀ, dL/db = aᵀ g, summed over what a stack was spread to.
import { elementCount } from '../../../src/onnx/tensor.ts';
import type { Ops } from '../../graph/ops.ts';
import { broadcast, type Dims, type NodeView, type Rule, range, sumTo, unsupported } from '../rule.ts';

/** Both inputs and the output as stacks of matrices, before vectors lose their axis of 1 again. */
function matrices({ node, dims }: NodeView): { a: Dims; b: Dims; y: Dims } {
  const [left, right] = dims as [Dims, Dims];
  const a = left.length === 1 ? [1, ...left] : left;
  const b = right.length === 1 ? [...right, 1] : right;
  if (a.length < 2 || b.length < 2 || a.at(-1) !== b.at(-2)) {
    throw unsupported(node, `expected matrices that fit, received [${left}] and [${right}]`);
  }
  const stack = broadcast(node, [a.slice(0, -2), b.slice(0, -2)]);
  return { a, b, y: [...stack, a.at(-2)!, b.at(-1)!] };
}

export const matmul: Rule = {
  dims: (view) => {
    const { y } = matrices(view);
    const [left, right] = view.dims as [Dims, Dims];
    const last = right.length === 1 ? [] : [y.at(-1)!];
    const rows = left.length === 1 ? [] : [y.at(-2)!];
    return [...y.slice(0, -2), ...rows, ...last];
  },
  gradient: (step) => {
    const { ops, inputs, dims } = step;
    const { a, b, y } = matrices(step);
    const [left, right] = inputs as [string, string];
    const as = (x: string, from: Dims, to: Dims) => (from.length === to.length ? x : ops.reshape(x, to));
    if (dims[0]!.length === 2 && dims[1]!.length === 2) {
      return [
        () => ops.gemm(step.gradient, right, { transB: true }),
        () => ops.gemm(left, step.gradient, { transA: true }),
      ];
    }
    const g = as(step.gradient, step.outputDims, y);
    const stack = y.slice(0, -2);
    return [
      () => {
        const spread = ops.matmul(g, turned(ops, as(right, dims[1]!, b), b));
        return as(sumTo(ops, spread, [...stack, ...a.slice(-2)], a), a, dims[0]!);
      },
      () => {
        // One matrix for the whole stack (a linear layer on tokens): the sum over the stack is inside one product.
        if (b.length === 2 && a.length === y.length) {
          const rows = elementCount(a.slice(0, -1));
          const product = ops.gemm(ops.reshape(left, [rows, a.at(-1)!]), ops.reshape(g, [rows, y.at(-1)!]), {
            transA: true,
          });
          return as(product, b, dims[1]!);
        }
        const spread = ops.matmul(turned(ops, as(left, dims[0]!, a), a), g);
        return as(sumTo(ops, spread, [...stack, ...b.slice(-2)], b), b, dims[1]!);
      },
    ];
  },
};

/** Every matrix of a stack transposed. */
function turned(ops: Ops, x: string, dims: Dims): string {
  const axes = range(dims.length);
  return ops.transpose(x, [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!]);
}
