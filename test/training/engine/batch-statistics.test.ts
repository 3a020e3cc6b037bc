import { expect, test } from 'vitest';
import { createRng } from '../../../src/math/rng.ts';
import { attr, GraphBuilder } from '../../../src/onnx/build.ts';
import { encodeModel } from '../../../src/onnx/codec.ts';
import type { OnnxModel } from '../../../src/onnx/model.ts';
import { f32 } from '../../../src/onnx/tensor.ts';
import { openSession } from '../../../src/runtime/session.ts';
import { batchStatistics } from '../../../training/engine/batch-statistics.ts';
import { OPSET } from '../../../training/graph/ops.ts';

const DIMS = { x: [4, 3, 5, 2], scale: [3], bias: [3], mean: [3], variance: [3] };
const rng = createRng(1);
const feeds = Object.fromEntries(
  Object.entries(DIMS).map(([name, dims]) => {
    const length = dims.reduce((product, size) => product * size, 1);
    return [
      name,
      f32(
        dims,
        Float32Array.from({ length }, () => 1 + rng.next()),
      ),
    ];
  }),
);

function graphOf(outputs: readonly string[], training: boolean): OnnxModel {
  const builder = new GraphBuilder();
  for (const [name, dims] of Object.entries(DIMS)) builder.input({ name, type: 'float32', dims });
  const attributes = { training_mode: attr.int(Number(training)), momentum: attr.float(0.7) };
  builder.node('BatchNormalization', Object.keys(DIMS), attributes, { outputs });
  for (const name of outputs) if (name !== '') builder.output(name, 'float32', ['any']);
  return builder.build({ name: 'test', opset: OPSET });
}

async function valuesOf(model: OnnxModel) {
  const session = await openSession({ model: encodeModel(model), threads: 1 });
  const results = await session.run(feeds);
  await session.release();
  return Object.fromEntries(
    Object.entries(results).map(([name, { data }]) => [name, Array.from(data as Float32Array)]),
  );
}

test.each([[['y', 'nextMean', 'nextVariance']], [['y', '', 'nextVariance']], [['y', 'nextMean']], [['y']]])(
  'the outputs %j are what they were',
  async (outputs) => {
    // All three are asked of onnxruntime, which does not compute a part of them.
    const before = await valuesOf(graphOf(['y', 'nextMean', 'nextVariance'], true));
    const model = batchStatistics(graphOf(outputs, true));
    const given = structuredClone(feeds);
    const after = await valuesOf(model);
    expect(feeds, 'what was fed').toEqual(given);
    expect(Object.keys(after)).toEqual(outputs.filter((name) => name !== ''));
    for (const [name, values] of Object.entries(after)) {
      values.forEach((value, i) => {
        expect(value).toBeCloseTo(before[name]![i]!, 6);
      });
    }
  },
);

test('a frozen one stays as it is', () => {
  const model = graphOf(['y'], false);
  expect(batchStatistics(model)).toEqual(model);
});
