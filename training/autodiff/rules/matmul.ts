// y = a b of two matrices. dL/da = g bᵀ, dL/db = aᵀ g.
import { type Rule, unsupported } from '../rule.ts';

export const matmul: Rule = {
  dims: ({ node, dims: [a, b] }) => {
    if (a!.length !== 2 || b!.length !== 2 || a![1] !== b![0]) {
      throw unsupported(node, `expected two matrices that fit, received [${a}] and [${b}]`);
    }
    return [a![0]!, b![1]!];
  },
  gradient: ({ ops, inputs: [a, b], gradient: g }) => [
    () => ops.gemm(g, b!, { transB: true }),
    () => ops.gemm(a!, g, { transA: true }),
  ],
};
