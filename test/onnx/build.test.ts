import { describe, expect, test } from 'vitest';
import { attr, GraphBuilder } from '../../src/onnx/build.ts';
import { decodeModel, encodeModel } from '../../src/onnx/codec.ts';
import { cutGraph, joinGraphs } from '../../src/onnx/edit.ts';
import type { OnnxModel } from '../../src/onnx/model.ts';
import { f32, i64, scalar } from '../../src/onnx/tensor.ts';
import { openSession } from '../../src/runtime/session.ts';

const run = async (model: OnnxModel, input: number[], dims: number[]) => {
  const session = await openSession({ model: encodeModel(model), threads: 1 });
  const outputs = await session.run({ [session.inputs[0]!.name]: f32(dims, input) });
  await session.release();
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { data }]) => [name, [...(data as Float32Array)]]),
  );
};

/** y = a * x + b, by the names given. */
function affine(options: {
  a: number;
  b: number;
  input?: string;
  output?: string;
  name?: string;
}): OnnxModel {
  const g = new GraphBuilder();
  const x = g.input({ name: options.input ?? 'x', type: 'float32', dims: ['n', 2] });
  const scaled = g.node('Mul', [x, g.initializer('a', scalar(options.a))]);
  const y = g.node(
    'Add',
    [scaled, g.initializer('b', scalar(options.b))],
    {},
    { output: options.output ?? 'y' },
  );
  g.output(y, 'float32', ['n', 2]);
  return g.build({
    name: options.name ?? 'affine',
    opset: 17,
    metadata: { [options.name ?? 'affine']: 'yes' },
  });
}

describe('GraphBuilder', () => {
  test('builds what onnxruntime runs, with several outputs and every kind of attribute', async () => {
    const g = new GraphBuilder();
    const x = g.input({ name: 'x', type: 'float32', dims: [1, 4] });
    const [values, indices] = g.node(
      'TopK',
      [x, g.constant(i64([2]))],
      { axis: attr.int(1) },
      { outputs: 2 },
    );
    const leaky = g.node('LeakyRelu', [values!], { alpha: attr.float(1) });
    const moved = g.node('Transpose', [leaky], { perm: attr.ints([1, 0]) }, { output: 'moved' });
    const cast = g.node('Cast', [indices!], { to: attr.int(1) }, { output: 'where' });
    const shift = g.node('Constant', [], { value: attr.tensor(scalar(10)) });
    const sum = g.node('Add', [cast, shift], {}, { output: 'sum' });
    g.output(moved, 'float32', [2, 1]);
    g.output(sum, 'float32', [1, 2]);
    const model = g.build({ name: 'top', opset: 17 });
    expect(decodeModel(encodeModel(model))).toEqual(model);
    expect(await run(model, [3, -1, 7, 5], [1, 4])).toEqual({ moved: [7, 5], sum: [12, 13] });
  });

  test('shares small equal constants, tells -0 from 0 and int64 from float32', () => {
    const g = new GraphBuilder();
    expect(g.constant(scalar(1))).toBe(g.constant(scalar(1)));
    const different = [scalar(0), scalar(-0), f32([1], [0]), i64([0]), i64([0], [])].map((t) =>
      g.constant(t),
    );
    expect(new Set(different).size).toBe(5);
    const large = () => g.constant(f32([17], new Float32Array(17)));
    expect(large()).not.toBe(large());
  });

  test('refuses unknown and doubled names at once', () => {
    const g = new GraphBuilder();
    g.input({ name: 'x', type: 'float32', dims: [1] });
    expect(() => g.node('Relu', ['y'])).toThrow(/Relu reads "y"/);
    expect(() => g.node('Relu', ['x'], {}, { output: 'x' })).toThrow(/"x" is defined twice/);
    expect(() => g.initializer('x', scalar(1))).toThrow(/defined twice/);
    expect(() => g.output('y', 'float32', [1])).toThrow(/"y" is not defined/);
  });
});

describe('cutGraph', () => {
  test('keeps only what the output needs', async () => {
    const model = affine({ a: 3, b: 1 });
    const cut = cutGraph({ model, outputs: [{ name: 'Mul_0', type: 'float32', dims: ['n', 2] }] });
    expect(cut.graph.nodes.map(({ op }) => op)).toEqual(['Mul']);
    expect([...cut.graph.initializers.keys()]).toEqual(['a']);
    expect(await run(cut, [1, 2], [1, 2])).toEqual({ Mul_0: [3, 6] });
    expect(() => cutGraph({ model, outputs: [{ name: 'q', type: 'float32', dims: [] }] })).toThrow(
      /received "q"/,
    );
  });
});

describe('joinGraphs', () => {
  test('chains two graphs that use the same names, the input of one and the output of the other kept', async () => {
    const first = affine({ a: 2, b: 1, name: 'backbone' });
    const second = affine({ a: 10, b: 5, name: 'head', input: 'features' });
    const joined = joinGraphs({ first, second });
    expect(joined.graph.inputs.map(({ name }) => name)).toEqual(['x']);
    expect(joined.graph.outputs.map(({ name }) => name)).toEqual(['y']);
    expect(joined.metadata).toEqual({ backbone: 'yes', head: 'yes' });
    expect(new Set(joined.graph.nodes.map(({ name }) => name)).size).toBe(4);
    expect(decodeModel(encodeModel(joined))).toEqual(joined);
    expect(await run(joined, [1, 2, 3, 4], [2, 2])).toEqual({ y: [35, 55, 75, 95] });
  });

  test('three deep, and each join equal to the next', async () => {
    const part = affine({ a: 2, b: 1 });
    const once = joinGraphs({ first: part, second: part });
    expect(once).toEqual(joinGraphs({ first: part, second: part }));
    expect(await run(joinGraphs({ first: once, second: part }), [0, 1], [1, 2])).toEqual({ y: [7, 15] });
  });

  test('takes the first one’s names for free dimensions', () => {
    const second = new GraphBuilder();
    second.input({ name: 'in', type: 'float32', dims: ['rows', 2] });
    second.output(second.node('Relu', ['in'], {}, { output: 'out' }), 'float32', ['rows', 2]);
    const joined = joinGraphs({
      first: affine({ a: 1, b: 0 }),
      second: second.build({ name: 'h', opset: 17 }),
    });
    expect(joined.graph.outputs[0]!.dims).toEqual(['n', 2]);
  });

  test('refuses what does not fit', () => {
    const first = affine({ a: 1, b: 1 });
    const narrow = new GraphBuilder();
    narrow.input({ name: 'in', type: 'float32', dims: ['n', 3] });
    narrow.output(narrow.node('Relu', ['in']), 'float32', ['n', 3]);
    expect(() => joinGraphs({ first, second: narrow.build({ name: 'h', opset: 17 }) })).toThrow(
      /"in" expects float32 \[n,3\], received float32 \[n,2\] from "y"/,
    );
    expect(() => joinGraphs({ first, second: { ...first, opset: 18 } })).toThrow(/operator set/);
    expect(() => joinGraphs({ first, second: affine({ a: 1, b: 1, output: 'x', input: 'q' }) })).toThrow(
      /named as/,
    );
  });
});
