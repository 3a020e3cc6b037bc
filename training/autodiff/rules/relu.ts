// y = max(x, 0). dL/dx = g where x > 0, else 0.
import type { Rule } from '../rule.ts';

export const relu: Rule = {
  gradient: ({ ops, inputs: [x], gradient: g }) => [() => ops.mul(g, ops.mask(ops.greater(x!, 0)))],
};
