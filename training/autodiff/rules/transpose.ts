// y = x with its axes in the order `perm`. dL/dx = g with the axes put back.
import { ints, type Rule } from '../rule.ts';

export const transpose: Rule = {
  dims: ({ node, dims: [x] }) => (ints(node, 'perm') ?? [...x!.keys()].reverse()).map((axis) => x![axis]!),
  gradient: ({ ops, node, dims: [x], gradient: g }) => [
    () => {
      const perm = ints(node, 'perm') ?? [...x!.keys()].reverse();
      return ops.transpose(
        g,
        perm.map((_, axis) => perm.indexOf(axis)),
      );
    },
  ],
};
