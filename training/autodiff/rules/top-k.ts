// TopK: y = the k largest or smallest numbers along an axis, and where they are. dL/dx = g put back there. The place of a number is
// piecewise constant, as that of the largest or smallest alone is (ArgMax, ArgMin).
import { number, positive, type Rule, unsupported } from '../rule.ts';

const dims: Rule['dims'] = ({ node, dims: [x], constant }) => {
  const k = constant(1)?.[0];
  if (k === undefined) throw unsupported(node, 'a count that is computed in the graph');
  const axis = positive(number(node, 'axis', -1), x!.length);
  return x!.map((size, i) => (i === axis ? k : size));
};

export const topK: Rule = {
  dims,
  moreDims: (view) => [dims(view)],
  gradient: ({ ops, node, dims: [x], gradient: g }) => [
    () => ops.scatterAdd(ops.zeros(x!), node.outputs[1]!, g, positive(number(node, 'axis', -1), x!.length)),
  ],
};

export const argExtreme: Rule = {
  dims: ({ node, dims: [x] }) => {
    const axis = positive(number(node, 'axis', 0), x!.length);
    return number(node, 'keepdims', 1) === 1
      ? x!.map((size, i) => (i === axis ? 1 : size))
      : x!.filter((_, i) => i !== axis);
  },
};
