// y = max(x, 0). dL/dx = g where y > 0, else 0: y, so that x need not be kept.
import type { Rule } from '../rule.ts';

export const relu: Rule = {
  gradient: ({ ops, output: y, gradient: g }) => [() => ops.mul(g, ops.positive(y))],
};
