// y = α A B + β c of two matrices, each one perhaps transposed first: dL/dA = α g Bᵀ, dL/dB = α Aᵀ g, transposed
// back where the input was; dL/dc = β g, summed over what c was spread to.
import { number, type Rule, sumTo } from '../rule.ts';

export const gemm: Rule = {
  dims: ({ node, dims: [a, b] }) => {
    const transA = number(node, 'transA', 0);
    const transB = number(node, 'transB', 0);
    return [a![transA]!, b![1 - transB]!];
  },
  gradient: ({ ops, node, inputs: [a, b], dims, outputDims, gradient: g }) => {
    const alpha = number(node, 'alpha', 1);
    const transA = number(node, 'transA', 0) === 1;
    const transB = number(node, 'transB', 0) === 1;
    return [
      () =>
        transA
          ? ops.gemm(b!, g, { alpha, transA: transB, transB: true })
          : ops.gemm(g, b!, { alpha, transB: !transB }),
      () =>
        transB
          ? ops.gemm(g, a!, { alpha, transA: true, transB: transA })
          : ops.gemm(a!, g, { alpha, transA: !transA }),
      () => sumTo(ops, ops.mul(number(node, 'beta', 1), g), outputDims, dims[2]!),
    ];
  },
};
