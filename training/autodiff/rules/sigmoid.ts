// y = 1 / (1 + e⁻ˣ). dL/dx = g y (1 - y).
import type { Rule } from '../rule.ts';

export const sigmoid: Rule = {
  gradient: ({ ops, output: y, gradient: g }) => [() => ops.mul(g, ops.mul(y, ops.sub(1, y)))],
};
