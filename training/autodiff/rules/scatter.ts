// y = x with numbers replaced, or added to, at given positions. dL/dupdates = g at these positions;
// dL/dx = g, with 0 where a number was replaced.
import { attr } from '../../../src/onnx/build.ts';
import type { Node } from '../../../src/onnx/model.ts';
import { number, type Rule, text, unsupported } from '../rule.ts';

function adds(node: Node): boolean {
  const reduction = text(node, 'reduction', 'none');
  if (reduction !== 'none' && reduction !== 'add') throw unsupported(node, `reduction "${reduction}"`);
  return reduction === 'add';
}

export const scatterElements: Rule = {
  dims: ({ dims: [x] }) => x!,
  gradient: ({ ops, node, inputs: [, indices], dims, gradient: g }) => {
    const axis = { axis: attr.int(number(node, 'axis', 0)) };
    return [
      () => (adds(node) ? g : ops.node('ScatterElements', [g, indices!, ops.zeros(dims[2]!)], axis)),
      undefined,
      () => ops.node('GatherElements', [g, indices!], axis),
    ];
  },
};

export const scatterND: Rule = {
  dims: ({ dims: [x] }) => x!,
  gradient: ({ ops, node, inputs: [, indices], dims, gradient: g }) => [
    () => (adds(node) ? g : ops.node('ScatterND', [g, indices!, ops.zeros(dims[2]!)])),
    undefined,
    () => ops.node('GatherND', [g, indices!]),
  ],
};
