// y = x repeated along its axes. dL/dx = g summed over the repeats.
import { type Rule, unsupported } from '../rule.ts';

export const tile: Rule = {
  dims: ({ node, dims: [x], constant }) => {
    const repeats = constant(1);
    if (!repeats) throw unsupported(node, 'repeats that are computed in the graph');
    return x!.map((size, axis) => size * repeats[axis]!);
  },
  gradient: ({ ops, dims: [x], outputDims, gradient: g }) => [
    () => {
      const apart = x!.flatMap((size, axis) => [outputDims[axis]! / size, size]);
      return ops.sum(
        ops.reshape(g, apart),
        x!.map((_, axis) => 2 * axis),
      );
    },
  ],
};
