// y = the sum or the mean of several inputs that broadcast together. Each gets g, divided by their number for the mean.
import type { Rule } from '../rule.ts';

export const sum: Rule = {
  gradient: ({ inputs, gradient: g }) => inputs.map(() => () => g),
};

export const mean: Rule = {
  gradient: ({ ops, inputs, gradient: g }) => {
    const share = inputs.length === 1 ? g : ops.div(g, inputs.length);
    return inputs.map(() => () => share);
  },
};
