// Numbers of x taken by index, along one axis (Gather, GatherElements) or by several indices at once (GatherND).
// dL/dx = g added where each number was taken from; an index that occurs twice gets both.
import { elementCount } from '../../../src/onnx/tensor.ts';
import { ADDING } from '../../graph/ops.ts';
import { type Dims, number, positive, type Rule, range, unsupported } from '../rule.ts';

export const gather: Rule = {
  dims: ({ node, dims: [x, indices] }) => {
    const axis = positive(number(node, 'axis', 0), x!.length);
    return [...x!.slice(0, axis), ...indices!, ...x!.slice(axis + 1)];
  },
  gradient: (step) => [
    () => {
      const { ops, node, inputs, dims, gradient: g } = step;
      const [x, picked] = dims as [Dims, Dims];
      const axis = positive(number(node, 'axis', 0), x.length);
      const count = elementCount(picked);
      const [before, after] = [x.slice(0, axis), x.slice(axis + 1)];
      // One index (a class token): g between zeros.
      const only = count === 1 ? step.constant(1)?.[0] : undefined;
      if (only !== undefined) {
        const at = positive(only, x[axis]!);
        const padding = (size: number) => x.map((_, i) => (i === axis ? size : 0));
        return ops.pad(ops.reshape(g, [...before, 1, ...after]), padding(at), padding(x[axis]! - at - 1));
      }
      // Whole slices are added, with the axis in front.
      const rows = ops.transpose(ops.reshape(g, [...before, count, ...after]), [
        axis,
        ...range(x.length).filter((i) => i !== axis),
      ]);
      const front = [x[axis]!, ...before, ...after];
      const added = ops.node(
        'ScatterND',
        [ops.zeros(front), ops.reshape(inputs[1]!, [count, 1]), rows],
        ADDING,
      );
      return ops.transpose(added, [...range(axis).map((i) => i + 1), 0, ...range(x.length).slice(axis + 1)]);
    },
  ],
};

export const gatherElements: Rule = {
  dims: ({ dims: [, indices] }) => indices!,
  gradient: ({ ops, node, inputs: [, indices], dims: [x], gradient: g }) => [
    () => ops.scatterAdd(ops.zeros(x!), indices!, g, number(node, 'axis', 0)),
  ],
};

export const gatherND: Rule = {
  dims: ({ node, dims: [x, indices] }) => {
    if (number(node, 'batch_dims', 0) !== 0) throw unsupported(node, 'batch_dims');
    return [...indices!.slice(0, -1), ...x!.slice(indices!.at(-1)!)];
  },
  gradient: ({ ops, inputs: [, indices], dims: [x], gradient: g }) => [
    () => ops.node('ScatterND', [ops.zeros(x!), indices!, g], ADDING),
  ],
};
