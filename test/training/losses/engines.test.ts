// Every loss of the registry under both engines: what is held to its formula on onnxruntime must be the same loss on TensorFlow.js.

import { expect, test } from 'vitest';
import { createRng } from '../../../src/math/rng.ts';
import { f32 } from '../../../src/onnx/tensor.ts';
import { headNetwork } from '../../../training/graph/head.ts';
import { buildTrainingGraph } from '../../../training/graph/training-graph.ts';
import { LOSSES } from '../../../training/losses/index.ts';
import { difference } from '../engine/agreement.ts';

const [BATCH, CLASSES, WIDTH, DIMENSION] = [24, 4, 16, 8];

test.each(Object.keys(LOSSES))('%s', async (name) => {
  const rng = createRng(3);
  const normals = (count: number) => Float32Array.from({ length: count }, () => rng.normal());
  const loss = LOSSES[name]!.create();
  const context = { rng, classMeans: () => normals(CLASSES * DIMENSION) };
  const declared = loss.parameters({ classes: CLASSES, dimension: DIMENSION });
  const graph = buildTrainingGraph({
    network: headNetwork({ dimensionIn: WIDTH, dimension: DIMENSION, initial: normals(WIDTH * DIMENSION) }),
    loss,
    batch: BATCH,
    classes: CLASSES,
    initialLoss: Object.fromEntries(declared.map((one) => [one.name, one.initial(context)])),
  });
  const labels = Int32Array.from({ length: BATCH }, (_, i) => i % CLASSES);
  const { loss: value, ...off } = await difference(graph, {
    features: f32([BATCH, WIDTH], normals(BATCH * WIDTH)),
    labels: { type: 'int32', dims: [BATCH], data: labels },
  });
  expect(value).toBeGreaterThan(0);
  expect(off.lossError).toBeLessThan(1e-4);
  expect(Object.keys(off.gradients)).toHaveLength(graph.parameters.length);
  for (const [parameter, error] of Object.entries(off.gradients)) expect(error, parameter).toBeLessThan(1e-4);
});
