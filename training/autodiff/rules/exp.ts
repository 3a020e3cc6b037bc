// y = eˣ. dL/dx = g y.
import type { Rule } from '../rule.ts';

export const exp: Rule = {
  gradient: ({ ops, output: y, gradient: g }) => [() => ops.mul(g, y)],
};
