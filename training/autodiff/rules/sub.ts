// y = a - b. dL/da = g, dL/db = -g.
import type { Rule } from '../rule.ts';

export const sub: Rule = {
  gradient: ({ ops, gradient: g }) => [() => g, () => ops.neg(g)],
};
