// Every gradient rule against central differences of onnxruntime's own forward kernel, in float64.

import { describe, expect, test } from 'vitest';
import { createRng } from '../../../src/math/rng.ts';
import { attr, GraphBuilder } from '../../../src/onnx/build.ts';
import { elementCount, i64 } from '../../../src/onnx/tensor.ts';
import { addGradients } from '../../../training/autodiff/gradients.ts';
import { RULES } from '../../../training/autodiff/rules/index.ts';
import { Ops } from '../../../training/graph/ops.ts';
import { compile, floats } from '../run-graph.ts';

interface Case {
  readonly op: string;
  readonly about?: string;
  readonly inputs: readonly (readonly number[])[];
  /** Inputs are drawn from here; away from 0 for those that are not defined or smooth there. */
  readonly range?: readonly [number, number];
  readonly y: (ops: Ops, ...inputs: string[]) => string;
}

const positive = [0.5, 2] as const;
const node =
  (op: string) =>
  (ops: Ops, ...inputs: string[]) =>
    ops.builder.node(op, inputs);

const CASES: readonly Case[] = [
  {
    op: 'Add',
    about: 'broadcast both ways',
    inputs: [
      [3, 1],
      [1, 4],
    ],
    y: node('Add'),
  },
  { op: 'Sub', about: 'of higher rank', inputs: [[2, 3, 4], [4]], y: node('Sub') },
  { op: 'Mul', about: 'with a scalar', inputs: [[3, 2], []], y: node('Mul') },
  { op: 'Mul', about: 'with itself', inputs: [[3]], y: (ops, x) => ops.mul(x, x) },
  {
    op: 'Div',
    inputs: [
      [3, 2],
      [3, 1],
    ],
    range: positive,
    y: node('Div'),
  },
  { op: 'Neg', inputs: [[4]], y: node('Neg') },
  { op: 'Pow', about: 'cubed', inputs: [[2, 3]], y: (ops, x) => ops.pow(x, 3) },
  {
    op: 'Pow',
    about: 'to a negative fraction',
    inputs: [[5]],
    range: positive,
    y: (ops, x) => ops.pow(x, -1.5),
  },
  { op: 'Sqrt', inputs: [[5]], range: positive, y: node('Sqrt') },
  { op: 'Exp', inputs: [[5]], y: node('Exp') },
  { op: 'Log', inputs: [[5]], range: positive, y: node('Log') },
  { op: 'Relu', inputs: [[12]], y: node('Relu') },
  { op: 'Max', inputs: [[12], [1]], y: node('Max') },
  { op: 'Min', inputs: [[3, 4], [4]], y: node('Min') },
  { op: 'Clip', inputs: [[12]], y: (ops, x) => ops.clip(x, -0.4, 0.6) },
  {
    op: 'Clip',
    about: 'without a lower limit',
    inputs: [[12]],
    y: (ops, x) => ops.builder.node('Clip', [x, '', ops.constant(0.3)]),
  },
  {
    op: 'Where',
    inputs: [[3, 4], [4]],
    y: (ops, a, b) => ops.where(ops.greater(a, b), ops.mul(a, a), ops.mul(2, b)),
  },
  { op: 'ReduceSum', about: 'rows', inputs: [[3, 4]], y: (ops, x) => ops.sum(x, [1]) },
  { op: 'ReduceSum', about: 'all, kept', inputs: [[3, 4]], y: (ops, x) => ops.sum(x, undefined, true) },
  {
    op: 'ReduceMean',
    about: 'first and last axis',
    inputs: [[2, 3, 4]],
    y: (ops, x) => ops.mean(x, [0, -1]),
  },
  { op: 'ReduceMean', about: 'all', inputs: [[2, 3]], y: (ops, x) => ops.mean(x) },
  { op: 'Expand', inputs: [[3, 1]], y: (ops, x) => ops.expand(x, [2, 3, 4]) },
  { op: 'Transpose', inputs: [[2, 3, 4]], y: (ops, x) => ops.transpose(x, [1, 2, 0]) },
  { op: 'Transpose', about: 'without perm', inputs: [[2, 3]], y: node('Transpose') },
  {
    op: 'Reshape',
    inputs: [[2, 3, 4]],
    y: (ops, x) => ops.builder.node('Reshape', [x, ops.builder.constant(i64([0, -1]))]),
  },
  {
    op: 'Concat',
    inputs: [
      [2, 1],
      [2, 3],
      [2, 2],
    ],
    y: (ops, ...xs) => ops.concat(xs, -1),
  },
  {
    op: 'MatMul',
    inputs: [
      [2, 3],
      [3, 4],
    ],
    y: node('MatMul'),
  },
  ...[0, 1].flatMap((a) =>
    [0, 1].map((b) => ({
      op: 'Gemm',
      about: `transA ${a}, transB ${b}`,
      inputs: [a ? [3, 2] : [2, 3], b ? [4, 3] : [3, 4], a ? [4] : [2, 1]],
      y: (ops: Ops, x: string, y: string, c: string) =>
        ops.gemm(x, y, { c, alpha: 1.5, beta: 0.5, transA: a === 1, transB: b === 1 }),
    })),
  ),
];

test('the table has a case for every operator with a gradient', () => {
  const differentiable = Object.keys(RULES).filter((op) => RULES[op]!.gradient);
  expect([...new Set(CASES.map(({ op }) => op))].sort()).toEqual(differentiable.sort());
});

describe('gradient rules', () => {
  test.each(CASES.map((one) => [`${one.op} ${one.about ?? ''}`, one] as const))('%s', async (_, one) => {
    const { inputs, range = [-1, 1], y } = one;
    const rng = createRng(7);
    const ops = new Ops(new GraphBuilder(), 'float64');
    const names = inputs.map((dims, i) => ops.builder.input({ name: `x${i}`, type: 'float64', dims }));
    const values = inputs.map((dims) =>
      Float64Array.from({ length: elementCount(dims) }, () => range[0] + (range[1] - range[0]) * rng.next()),
    );
    // Every element of y gets a gradient of its own, so that none is 1 or equal by chance.
    const output = y(ops, ...names);
    const loss = ops.sum(ops.exp(ops.mul(0.7, output)));
    const gradients = addGradients({ builder: ops.builder, loss, parameters: names, type: 'float64' });
    const graph = await compile(ops.builder, [loss, ...Object.values(gradients)], 'float64');
    const run = (points: readonly Float64Array[]) =>
      graph.run(
        Object.fromEntries(names.map((name, i) => [name, floats('float64', inputs[i]!, points[i]!)])),
      );

    const analytic = await run(values);
    const h = 1e-5;
    for (const [i, name] of names.entries()) {
      for (const k of values[i]!.keys()) {
        const at = async (shift: number) => {
          const moved = values.map((one) => one.slice());
          moved[i]![k]! += shift;
          return (await run(moved))[loss]![0]!;
        };
        const numeric = ((await at(h)) - (await at(-h))) / (2 * h);
        expect(analytic[gradients[name]!]![k], `d/d${name}[${k}]`).toBeCloseTo(numeric, 7);
      }
    }
    await graph.close();
  });
});

describe('addGradients', () => {
  const start = () => {
    const builder = new GraphBuilder();
    const x = builder.input({ name: 'x', type: 'float32', dims: [2] });
    return { builder, ops: new Ops(builder), x };
  };

  test('sums over every way a parameter reaches the loss', async () => {
    const { builder, ops, x } = start();
    const loss = ops.sum(ops.add(ops.mul(x, x), ops.mul(3, x)));
    const { x: gradient } = addGradients({ builder, loss, parameters: [x] });
    const graph = await compile(builder, [gradient!], 'float32');
    expect((await graph.run({ x: floats('float32', [2], [1, -2]) }))[gradient!]).toEqual([5, -1]);
    await graph.close();
  });

  test('names node and operator where a rule is missing', () => {
    const { builder, ops, x } = start();
    const y = builder.node('Erf', [x], {}, { name: 'middle/erf' });
    expect(() => addGradients({ builder, loss: ops.sum(y), parameters: [x] })).toThrow(
      expect.objectContaining({
        code: 'onnx_unsupported',
        message: expect.stringMatching(/middle\/erf.*Erf/),
      }),
    );
  });

  test('refuses what it cannot differentiate', () => {
    const { builder, ops, x } = start();
    const power = builder.node('Pow', [ops.constant(2), x]);
    const refused = (loss: string, parameters: string[]) => () => addGradients({ builder, loss, parameters });
    expect(refused(ops.sum(power), [x])).toThrow(expect.objectContaining({ code: 'onnx_unsupported' }));
    expect(refused(x, [x])).toThrow(/a value of one element/);
    expect(refused(ops.sum(ops.mask(ops.greater(x, 0))), [x])).toThrow(/that the loss depends on/);
  });

  test('reads axes from an attribute, as older graphs have them', async () => {
    const { builder, ops, x } = start();
    const sum = builder.node('ReduceSum', [x], { axes: attr.ints([0]), keepdims: attr.int(0) });
    expect(addGradients({ builder, loss: ops.mul(sum, sum), parameters: [x] })).toHaveProperty('x');
  });
});
