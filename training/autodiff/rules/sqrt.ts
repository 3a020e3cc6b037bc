// y = √x. dL/dx = g / (2y).
import type { Rule } from '../rule.ts';

export const sqrt: Rule = {
  gradient: ({ ops, output: y, gradient: g }) => [() => ops.div(g, ops.mul(2, y))],
};
