// Every gradient rule against central differences of onnxruntime's own forward kernel, in float64.

import { describe, expect, test } from 'vitest';
import { createRng } from '../../../src/math/rng.ts';
import { attr, GraphBuilder } from '../../../src/onnx/build.ts';
import { elementCount } from '../../../src/onnx/tensor.ts';
import { addGradients } from '../../../training/autodiff/gradients.ts';
import { RULES } from '../../../training/autodiff/rules/index.ts';
import { Ops } from '../../../training/graph/ops.ts';
import { compile, floats } from '../run-graph.ts';
import { ACTIVATIONS } from './cases/activations.ts';
import { ARITHMETIC } from './cases/arithmetic.ts';
import type { Case } from './cases/case.ts';
import { INDEXED } from './cases/indexed.ts';
import { NARROW } from './cases/narrow.ts';
import { NORMALIZATION } from './cases/normalization.ts';
import { PRODUCTS } from './cases/products.ts';
import { SHAPES } from './cases/shapes.ts';
import { WINDOWED } from './cases/windowed.ts';

const CASES: readonly Case[] = [
  ...ARITHMETIC,
  ...ACTIVATIONS,
  ...NORMALIZATION,
  ...PRODUCTS,
  ...SHAPES,
  ...INDEXED,
];

test('the table has a case for every operator with a gradient', () => {
  const differentiable = Object.keys(RULES).filter((op) => RULES[op]!.gradient);
  const covered = [...CASES, ...NARROW].map(({ op }) => op).concat(WINDOWED.map(([op]) => op));
  expect([...new Set(covered)].sort()).toEqual(differentiable.sort());
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
    // Every element of y gets a gradient of its own, so that none is 1 or equal by chance. 0.75 is a float32 too:
    // onnxruntime may fuse the factor into a product, where it is rounded to one.
    const output = y(ops, ...names);
    const loss = ops.sum(ops.exp(ops.mul(0.75, output)));
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
        const error = Math.abs(analytic[gradients[name]!]![k]! - numeric) / Math.max(1, Math.abs(numeric));
        expect(error, `d/d${name}[${k}]`).toBeLessThan(2e-8);
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
    const y = builder.node('Det', [x], {}, { name: 'middle/det' });
    expect(() => addGradients({ builder, loss: ops.sum(y), parameters: [x] })).toThrow(
      expect.objectContaining({
        code: 'onnx_unsupported',
        message: expect.stringMatching(/middle\/det.*Det/),
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
