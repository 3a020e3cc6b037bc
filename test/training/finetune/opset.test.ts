// Nodes of other operator sets against what onnxruntime makes of them in their own set.

import { describe, expect, test } from 'vitest';
import { createRng } from '../../../src/math/rng.ts';
import { attr, GraphBuilder } from '../../../src/onnx/build.ts';
import { encodeModel } from '../../../src/onnx/codec.ts';
import type { Attribute, Node } from '../../../src/onnx/model.ts';
import { elementCount, f32 } from '../../../src/onnx/tensor.ts';
import { openSession } from '../../../src/runtime/session.ts';
import { toTrainingOpset } from '../../../training/finetune/opset.ts';
import { OPSET } from '../../../training/graph/ops.ts';

const DIMS = [2, 4, 1, 6];
const rng = createRng(8);
const x = f32(
  DIMS,
  Float32Array.from({ length: elementCount(DIMS) }, () => 2 * rng.normal()),
);

interface Case {
  readonly op: string;
  readonly opset: number;
  readonly attributes?: Record<string, Attribute>;
  readonly outputs?: number;
}

const nodeOf = ({ op, attributes = {}, outputs = 1 }: Case): Node => ({
  op,
  name: `the ${op}`,
  inputs: ['x'],
  outputs: Array.from({ length: outputs }, (_, i) => `y${i}`),
  attributes,
  domain: '',
});

async function run(node: Node, opset: number, builder: GraphBuilder): Promise<unknown[]> {
  builder.node(node.op, node.inputs, node.attributes, { name: node.name, outputs: node.outputs });
  for (const output of node.outputs) builder.output(output, 'float32', ['any']);
  const session = await openSession({
    model: encodeModel(builder.build({ name: 'one', opset })),
    threads: 1,
  });
  const results = await session.run({ x });
  await session.release();
  return node.outputs.map((output) => results[output]);
}

const start = () => {
  const builder = new GraphBuilder();
  builder.input({ name: 'x', type: 'float32', dims: DIMS });
  return builder;
};

const axes = (list: number[], keep = 1) => ({ axes: attr.ints(list), keepdims: attr.int(keep) });

describe('toTrainingOpset', () => {
  test.each<Case>([
    { op: 'ReduceMean', opset: 11, attributes: axes([1, 3]) },
    { op: 'ReduceMean', opset: 17, attributes: { keepdims: attr.int(0) } },
    { op: 'ReduceMax', opset: 13, attributes: axes([-1], 0) },
    { op: 'ReduceSum', opset: 12, attributes: axes([0]) },
    { op: 'ReduceL2', opset: 17, attributes: axes([1]) },
    { op: 'Squeeze', opset: 11, attributes: { axes: attr.ints([2]) } },
    { op: 'Unsqueeze', opset: 12, attributes: { axes: attr.ints([0]) } },
    { op: 'Clip', opset: 10, attributes: { min: attr.float(-0.5), max: attr.float(1.25) } },
    { op: 'Clip', opset: 6, attributes: { max: attr.float(0.5) } },
    {
      op: 'Slice',
      opset: 9,
      attributes: { starts: attr.ints([1, 0]), ends: attr.ints([9, -2]), axes: attr.ints([1, 3]) },
    },
    { op: 'Slice', opset: 9, attributes: { starts: attr.ints([1]), ends: attr.ints([2]) } },
    { op: 'Split', opset: 11, attributes: { axis: attr.int(3), split: attr.ints([1, 5]) }, outputs: 2 },
    { op: 'Split', opset: 13, attributes: { axis: attr.int(1) }, outputs: 2 },
    { op: 'Softmax', opset: 11, attributes: { axis: attr.int(-1) } },
    { op: 'Dropout', opset: 12 },
    { op: 'Relu', opset: 9 },
    { op: 'AveragePool', opset: 19, attributes: { kernel_shape: attr.ints([1, 2]) } },
  ])('$op of set $opset', async (one) => {
    const node = nodeOf(one);
    const builder = start();
    const upgraded = toTrainingOpset({
      node,
      opset: one.opset,
      constant: (tensor) => builder.constant(tensor),
    });
    expect(await run(upgraded, OPSET, builder)).toEqual(await run(node, one.opset, start()));
  });

  test.each<[string, Case & { domain?: string }]>([
    ['over all axes behind it', { op: 'Softmax', opset: 11, attributes: { axis: attr.int(1) } }],
    ['over axis 1 by default', { op: 'LogSoftmax', opset: 12 }],
    ['of other numbers', { op: 'Resize', opset: 10 }],
    ['gone', { op: 'Upsample', opset: 9 }],
    ['changed since', { op: 'GroupNormalization', opset: 21 }],
    ['of a set to come', { op: 'Relu', opset: 99 }],
    ['of another domain', { op: 'FusedConv', opset: 17, domain: 'com.microsoft' }],
  ])('refuses by name what is %s', (_, one) => {
    const node = { ...nodeOf(one), domain: one.domain ?? '' };
    const upgrade = () => toTrainingOpset({ node, opset: one.opset, constant: () => 'constant' });
    expect(upgrade).toThrow(
      expect.objectContaining({
        code: 'onnx_unsupported',
        message: expect.stringContaining(`node "the ${one.op}" (${one.op})`),
      }),
    );
  });
});
