// y = a / b. dL/da = g / b, dL/db = -g y / b.
import type { Rule } from '../rule.ts';

export const div: Rule = {
  gradient: ({ ops, inputs: [, b], output: y, gradient: g }) => [
    () => ops.div(g, b!),
    () => ops.neg(ops.div(ops.mul(g, y), b!)),
  ],
};
