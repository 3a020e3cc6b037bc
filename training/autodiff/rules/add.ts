// y = a + b. dL/da = g, dL/db = g.
import type { Rule } from '../rule.ts';

export const add: Rule = {
  gradient: ({ gradient: g }) => [() => g, () => g],
};
