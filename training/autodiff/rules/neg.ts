// y = -x. dL/dx = -g.
import type { Rule } from '../rule.ts';

export const neg: Rule = {
  gradient: ({ ops, gradient: g }) => [() => ops.neg(g)],
};
