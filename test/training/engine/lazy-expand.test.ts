import { expect, test } from 'vitest';
import { createRng } from '../../../src/math/rng.ts';
import { GraphBuilder } from '../../../src/onnx/build.ts';
import { encodeModel } from '../../../src/onnx/codec.ts';
import type { OnnxModel } from '../../../src/onnx/model.ts';
import { f32 } from '../../../src/onnx/tensor.ts';
import { openSession } from '../../../src/runtime/session.ts';
import { lazyExpand } from '../../../training/engine/lazy-expand.ts';
import { OPSET, Ops } from '../../../training/graph/ops.ts';

const [ROWS, COLUMNS] = [5, 7];
const FULL = [ROWS, COLUMNS];
const rng = createRng(1);
const x = f32(
  FULL,
  Float32Array.from({ length: ROWS * COLUMNS }, () => rng.normal()),
);

function graphOf(build: (ops: Ops) => string[]): OnnxModel {
  const ops = new Ops(new GraphBuilder());
  ops.builder.input({ name: 'x', type: 'float32', dims: FULL });
  for (const name of build(ops)) ops.builder.output(name, 'float32', ['any', 'any']);
  return ops.builder.build({ name: 'test', opset: OPSET });
}

async function valuesOf(model: OnnxModel) {
  const session = await openSession({ model: encodeModel(model), threads: 1 });
  const results = await session.run({ x });
  await session.release();
  return Object.values(results).map(({ dims, data }) => ({ dims, data }));
}

const rowSums = (ops: Ops) => ops.expand(ops.sum('x', [1], true), FULL);

test.each<[string, number, (ops: Ops) => string[]]>([
  ['meets a full tensor', 0, (ops) => [ops.mul(rowSums(ops), 'x')]],
  [
    'meets one after some arithmetic',
    0,
    (ops) => [ops.sub('x', ops.sqrt(ops.mul(2, ops.max(rowSums(ops), 0))))],
  ],
  [
    'meets another that spreads the other way',
    0,
    (ops) => [ops.add(rowSums(ops), ops.expand(ops.sum('x', [0], true), FULL))],
  ],
  ['meets one of its own', 1, (ops) => [ops.add(rowSums(ops), ops.mul(rowSums(ops), 3))]],
  ['is an output', 1, (ops) => [rowSums(ops)]],
  ['is summed again', 1, (ops) => [ops.sum(ops.mul(2, rowSums(ops)), [0, 1], true)]],
  [
    'is used in both ways',
    1,
    (ops) => {
      const sums = rowSums(ops);
      return [sums, ops.mul('x', sums)];
    },
  ],
  [
    'has a lower rank',
    1,
    (ops) => [ops.sum(ops.add(ops.expand(ops.sum('x', [0]), [1, COLUMNS]), ops.sum('x', [0])), [1], true)],
  ],
  ['comes out of Where', 0, (ops) => [ops.where(ops.greater('x', 0), rowSums(ops), 0)]],
])('same values where an expanded one %s; %i Expand nodes', async (_, left, build) => {
  const model = graphOf(build);
  const lazy = lazyExpand(model);
  expect(lazy.graph.nodes.filter(({ op }) => op === 'Expand')).toHaveLength(left);
  expect(await valuesOf(lazy)).toEqual(await valuesOf(model));
});

test('leaves a graph alone that has an operator without known dims', () => {
  const model = graphOf((ops) => [ops.mul(ops.builder.node('Hardmax', ['x']), rowSums(ops))]);
  expect(lazyExpand(model)).toBe(model);
});
