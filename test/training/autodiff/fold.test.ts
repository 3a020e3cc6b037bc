// Values that follow from fixed dims: what they are, against onnxruntime, and that a graph full of them can be differentiated.

import { describe, expect, test } from 'vitest';
import { attr, GraphBuilder } from '../../../src/onnx/build.ts';
import { encodeModel } from '../../../src/onnx/codec.ts';
import { f32, i64, scalar } from '../../../src/onnx/tensor.ts';
import { openSession } from '../../../src/runtime/session.ts';
import { addGradients, inferDims, inferGraph } from '../../../training/autodiff/gradients.ts';
import { Ops } from '../../../training/graph/ops.ts';
import { compile, floats } from '../run-graph.ts';

type Build = (ops: Ops, shape: string) => string;
const list = (ops: Ops, ...values: number[]) => ops.builder.constant(i64(values));
const one = (ops: Ops, value: number) => ops.builder.constant(i64([value], []));
const cast = (to: number) => ({ to: attr.int(to) });

/** Each starts from the Shape [2, 6, 5] of an input. */
const CHAINS: readonly (readonly [about: string, build: Build])[] = [
  ['Shape', (_, shape) => shape],
  ['Shape from start to end', (ops) => ops.node('Shape', ['x'], { start: attr.int(-2), end: attr.int(2) })],
  ['Size', (ops) => ops.node('Size', ['x'])],
  ['Gather of one', (ops, shape) => ops.gather(shape, one(ops, -1))],
  ['Gather of a table', (ops, shape) => ops.gather(shape, ops.builder.constant(i64([0, 2, 1, 1], [2, 2])))],
  [
    'Concat',
    (ops, shape) => ops.concat([ops.unsqueeze(ops.gather(shape, one(ops, 0)), [0]), list(ops, -1, 3)], 0),
  ],
  ['Slice backwards', (ops, shape) => ops.reversed(shape, [0])],
  ['whole division', (ops, shape) => ops.div(shape, list(ops, -4))],
  [
    'division, floor and cast back',
    (ops, shape) =>
      ops.node('Cast', [ops.node('Floor', [ops.div(ops.node('Cast', [shape], cast(1)), 4)])], cast(7)),
  ],
  [
    'arithmetic',
    (ops, shape) => ops.sub(ops.mul(ops.add(shape, list(ops, 1)), shape), ops.neg(list(ops, 3))),
  ],
  ['Range', (ops, shape) => ops.node('Range', [one(ops, 1), ops.gather(shape, one(ops, 1)), one(ops, 2)])],
  ['ConstantOfShape', (ops, shape) => ops.node('ConstantOfShape', [shape], { value: attr.tensor(i64([7])) })],
  ['Expand', (ops, shape) => ops.node('Expand', [ops.unsqueeze(shape, [1]), list(ops, 1, 2)])],
  ['Where, Equal', (ops, shape) => ops.where(ops.equal(shape, list(ops, 6)), list(ops, -1), shape)],
  ['Constant', (ops) => ops.node('Constant', [], { value_ints: attr.ints([4, 5]) })],
  ['Reshape, Squeeze', (ops, shape) => ops.squeeze(ops.reshape(shape, [1, -1]), [0])],
];

describe('folded values are what onnxruntime computes', () => {
  test.each(CHAINS)('%s', async (_, build) => {
    const builder = new GraphBuilder();
    const x = builder.input({ name: 'x', type: 'float32', dims: [2, 6, 5] });
    const ops = new Ops(builder);
    const y = build(ops, ops.node('Shape', [x]));
    builder.output(y, 'int64', ['any']);
    const model = builder.build({ name: 'chain' });
    const folded = inferGraph(model.graph).constants.get(y)!;
    const session = await openSession({ model: encodeModel(model), threads: 1 });
    const result = await session.run({ x: f32([2, 6, 5], new Float32Array(60)) });
    await session.release();
    expect(folded).toEqual(result[y]);
  });
});

test('a graph whose shapes are computed from its dims is differentiated', async () => {
  const builder = new GraphBuilder();
  const x = builder.input({ name: 'x', type: 'float32', dims: [2, 6] });
  const ops = new Ops(builder);
  const batch = ops.gather(ops.node('Shape', [x]), one(ops, 0));
  const half = ops.div(ops.gather(ops.node('Shape', [x]), one(ops, 1)), one(ops, 2));
  const shape = ops.concat([ops.unsqueeze(batch, [0]), list(ops, -1), ops.unsqueeze(half, [0])], 0);
  const folded = ops.node('Reshape', [x, shape]);
  expect(inferDims(builder.build({ name: 'g' }).graph).get(folded)).toEqual([2, 2, 3]);
  const loss = ops.sum(ops.mul(folded, folded));
  const { x: gradient } = addGradients({ builder, loss, parameters: [x] });
  const graph = await compile(builder, [gradient!], 'float32');
  const values = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
  const found = await graph.run({ x: floats('float32', [2, 6], values) });
  expect(found[gradient!]).toEqual(values.map((value) => 2 * value));
  await graph.close();
});

test('a shape that depends on data is refused', () => {
  const builder = new GraphBuilder();
  const x = builder.input({ name: 'x', type: 'float32', dims: [2] });
  const shape = builder.input({ name: 'shape', type: 'int64', dims: [1] });
  const node = builder.node('ConstantOfShape', [shape], {}, { name: 'odd' });
  expect(node).toBe('ConstantOfShape_0');
  expect(() => inferDims(builder.build({ name: 'g' }).graph)).toThrow(/odd.*ConstantOfShape.*fixed dims/);
  expect(x).toBe('x');
});

test('dims of every output are known', () => {
  const builder = new GraphBuilder();
  const x = builder.input({ name: 'x', type: 'float32', dims: [2, 3, 6, 6] });
  const pool = { kernel_shape: attr.ints([2, 2]), strides: attr.ints([2, 2]) };
  const [y, where] = builder.node('MaxPool', [x], pool, { outputs: 2 });
  const parts = builder.node('Split', [x], { axis: attr.int(1), num_outputs: attr.int(2) }, { outputs: 2 });
  const stored = builder.constant({ type: 'int8', dims: [3, 4], data: new Int8Array(12) });
  const weights = builder.node('DequantizeLinear', [stored, builder.constant(scalar(0.1))]);
  const dims = inferDims(builder.build({ name: 'g' }).graph);
  expect([y, where, ...parts, weights].map((name) => dims.get(name!))).toEqual([
    [2, 3, 3, 3],
    [2, 3, 3, 3],
    [2, 2, 6, 6],
    [2, 1, 6, 6],
    [3, 4],
  ]);
});
