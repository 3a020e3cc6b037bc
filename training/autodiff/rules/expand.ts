// y = x broadcast to a shape. dL/dx = g summed over what was spread.
import { broadcast, type Rule, sumTo, unsupported } from '../rule.ts';

export const expand: Rule = {
  dims: ({ node, dims: [x], constant }) => {
    const shape = constant(1);
    if (!shape) throw unsupported(node, 'a shape that is computed in the graph');
    return broadcast(node, [x!, shape]);
  },
  gradient: ({ ops, dims: [x], outputDims, gradient: g }) => [() => sumTo(ops, g, outputDims, x!)],
};
