// y = eˣ / Σ eˣ along an axis, or its logarithm. dL/dx = y (g - Σ g y); for the logarithm g - e^y Σ g.
// As of opset 13: one axis. Before, everything from `axis` on was flattened; finetune/opset.ts refuses what differs.
import { type BackwardStep, number, positive, type Rule } from '../rule.ts';

const axes = ({ node, dims: [x] }: BackwardStep) => [positive(number(node, 'axis', -1), x!.length)];

export const softmax: Rule = {
  gradient: (step) => [
    () => {
      const { ops, output: y, gradient: g } = step;
      return ops.mul(y, ops.sub(g, ops.sum(ops.mul(g, y), axes(step), true)));
    },
  ],
};

export const logSoftmax: Rule = {
  gradient: (step) => [
    () => {
      const { ops, output: y, gradient: g } = step;
      return ops.sub(g, ops.mul(ops.exp(y), ops.sum(g, axes(step), true)));
    },
  ],
};
