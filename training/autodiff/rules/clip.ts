// y = min(max(x, low), high). dL/dx = g strictly between the limits, else 0. An absent limit does not limit.
import type { Rule } from '../rule.ts';

export const clip: Rule = {
  gradient: ({ ops, inputs: [x, low, high], gradient: g }) => [
    () => {
      const above = low ? ops.mul(g, ops.mask(ops.greater(x!, low))) : g;
      return high ? ops.mul(above, ops.mask(ops.less(x!, high))) : above;
    },
  ],
};
