// y = a b. dL/da = g b, dL/db = g a.
import type { Rule } from '../rule.ts';

export const mul: Rule = {
  gradient: ({ ops, inputs: [a, b], gradient: g }) => [() => ops.mul(g, b!), () => ops.mul(g, a!)],
};
