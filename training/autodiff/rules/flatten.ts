// y = x as a matrix: the axes before `axis` are its rows. dL/dx = g in the old shape.
import { elementCount } from '../../../src/onnx/tensor.ts';
import { number, positive, type Rule } from '../rule.ts';

export const flatten: Rule = {
  dims: ({ node, dims: [x] }) => {
    const axis = positive(number(node, 'axis', 1), x!.length);
    return [elementCount(x!.slice(0, axis)), elementCount(x!.slice(axis))];
  },
  gradient: ({ ops, dims: [x], gradient: g }) => [() => ops.reshape(g, x!)],
};
