// y = max(a, b). The gradient goes to the larger one; to a where they are equal.
import { type Rule, unsupported } from '../rule.ts';

export const max: Rule = {
  gradient: ({ ops, node, inputs, gradient: g }) => {
    const [a, b] = inputs;
    if (inputs.length !== 2) throw unsupported(node, 'only two inputs have a gradient rule');
    return [
      () => ops.mul(g, ops.mask(ops.greaterOrEqual(a!, b!))),
      () => ops.mul(g, ops.mask(ops.less(a!, b!))),
    ];
  },
};
