// y = a where the condition holds, else b. The gradient goes to the one that was taken.
import type { Rule } from '../rule.ts';

export const where: Rule = {
  gradient: ({ ops, inputs: [condition], gradient: g }) => [
    undefined,
    () => ops.where(condition!, g, 0),
    () => ops.where(condition!, 0, g),
  ],
};
