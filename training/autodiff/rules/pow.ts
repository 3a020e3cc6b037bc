// y = x^c for a constant scalar c. dL/dx = g c x^(c-1).
import { type Rule, unsupported } from '../rule.ts';

export const pow: Rule = {
  gradient: ({ ops, node, inputs: [x], gradient: g, constant }) => [
    () => {
      const exponent = constant(1);
      if (exponent?.length !== 1)
        throw unsupported(node, 'only a constant scalar exponent has a gradient rule');
      return ops.mul(g, ops.mul(exponent[0]!, ops.pow(x!, exponent[0]! - 1)));
    },
  ],
};
