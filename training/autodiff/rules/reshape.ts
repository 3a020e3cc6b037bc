// y = the same numbers in another shape (0 keeps a size, -1 is what is left over). dL/dx = g in the old shape.
import { elementCount } from '../../../src/onnx/tensor.ts';
import { number, type Rule, unsupported } from '../rule.ts';

export const reshape: Rule = {
  dims: ({ node, dims: [x], constant }) => {
    const asked = constant(1);
    if (!asked) throw unsupported(node, 'a shape that is computed in the graph');
    const keepsZero = number(node, 'allowzero', 0) === 1;
    const sizes = asked.map((size, axis) => (size === 0 && !keepsZero ? x![axis]! : size));
    const rest = elementCount(x!) / elementCount(sizes.filter((size) => size !== -1));
    return sizes.map((size) => (size === -1 ? rest : size));
  },
  gradient: ({ ops, dims: [x], gradient: g }) => [() => ops.reshape(g, x!)],
};
