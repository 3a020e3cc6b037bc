// y = min(max(x, low), high). dL/dx = g strictly between the limits, else 0: y says as much, so that x need not be kept. An
// absent limit does not limit.
import type { Rule } from '../rule.ts';

export const clip: Rule = {
  gradient: ({ ops, inputs: [, low, high], output: y, gradient: g }) => [
    () => {
      const inside = [...(low ? [ops.greater(y, low)] : []), ...(high ? [ops.less(y, high)] : [])];
      if (inside.length === 0) return g;
      return ops.mul(g, ops.mask(inside.reduce((a, b) => ops.node('And', [a, b]))));
    },
  ],
};
