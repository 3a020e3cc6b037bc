// y = min(a, b). The gradient goes to the smaller one; to a where they are equal.
import { type Rule, unsupported } from '../rule.ts';

export const min: Rule = {
  gradient: ({ ops, node, inputs, gradient: g }) => {
    const [a, b] = inputs;
    if (inputs.length !== 2) throw unsupported(node, 'only two inputs have a gradient rule');
    return [
      () => ops.mul(g, ops.mask(ops.greaterOrEqual(b!, a!))),
      () => ops.mul(g, ops.mask(ops.less(b!, a!))),
    ];
  },
};
