// y = ln x. dL/dx = g / x.
import type { Rule } from '../rule.ts';

export const log: Rule = {
  gradient: ({ ops, inputs: [x], gradient: g }) => [() => ops.div(g, x!)],
};
