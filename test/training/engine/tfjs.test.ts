// The tfjs engine on the backend that loads here: the contract of all engines, and what is its own: memory and refusals.

import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../../src/onnx/build.ts';
import { f32, scalar, u8 } from '../../../src/onnx/tensor.ts';
import { findNative, loadBackend } from '../../../training/engine/tfjs/load.ts';
import { createTfjsEngine, tfjsEngineOn } from '../../../training/engine/tfjs.ts';
import { OPSET, Ops } from '../../../training/graph/ops.ts';
import type { TrainingGraph } from '../../../training/graph/training-graph.ts';
import { ADAMW } from '../../../training/optim/optimizer.ts';
import { engineContract } from '../../contracts/engine.contract.ts';
import { mobilenetBlock, vitBlock } from '../../fixtures/blocks.ts';
import { difference, modelGraph } from './agreement.ts';

engineContract('tfjs', createTfjsEngine);
engineContract('tfjs on the cpu backend', tfjsEngineOn('cpu'));

const options = (graph: TrainingGraph) => ({ graph, optimizer: ADAMW, clipNorm: 1, ema: 0.9 });

/** A graph of one parameter `p` [2, 3]. */
function small(build: (ops: Ops, p: string) => string): TrainingGraph {
  const ops = new Ops(new GraphBuilder());
  const p = ops.builder.input({ name: 'p', type: 'float32', dims: [2, 3] });
  ops.builder.output(build(ops, p), 'float32', []);
  return {
    model: ops.builder.build({ name: 'small', opset: OPSET }),
    parameters: [
      { name: p, dims: [2, 3], initial: new Float32Array(6).fill(0.5), learningRateMultiplier: 1 },
    ],
    buffers: [],
  };
}

describe('memory', () => {
  test.each([
    ['MobileNetV3', mobilenetBlock],
    ['ViT', vitBlock],
  ])('holds the same tensors after every step of a %s block, and none once closed', async (_, block) => {
    const { tf } = await loadBackend();
    const before = tf.memory().numTensors;
    const { model, inputs, parameters } = block();
    const engine = await createTfjsEngine(options(modelGraph(model, parameters)));
    const { dims } = model.graph.inputs[0]!;
    const batch = { x: f32(dims as number[], inputs.x!) };
    await engine.step(batch, 0.01);
    const held = tf.memory().numTensors;
    expect(held).toBeGreaterThanOrEqual(before + 4 * parameters.length);
    for (let i = 0; i < 3; i++) {
      await engine.step(batch, 0.01);
      await engine.gradients(batch);
      engine.restore(engine.state());
      expect(tf.memory().numTensors).toBe(held);
    }
    await engine.close();
    expect(tf.memory().numTensors).toBe(before);
    await expect(engine.step(batch, 0.01)).rejects.toThrow(/expected an open engine/);
  });

  test('lets go of everything after a batch that does not fit', async () => {
    const { tf } = await loadBackend();
    const engine = await createTfjsEngine(options(small((ops, p) => ops.sum(ops.mul(p, p)))));
    const held = tf.memory().numTensors;
    await expect(engine.step({ q: scalar(1) }, 0.1)).rejects.toMatchObject({ code: 'invalid_argument' });
    expect(tf.memory().numTensors).toBe(held);
    await engine.close();
  });
});

describe('refuses', () => {
  test('an operator that it does not have, by node and name', async () => {
    const graph = small((ops, p) =>
      ops.sum(ops.builder.node('Hardmax', [p], {}, { name: 'middle/hardmax' })),
    );
    await expect(createTfjsEngine(options(graph))).rejects.toMatchObject({
      code: 'onnx_unsupported',
      message: expect.stringMatching(/middle\/hardmax.*Hardmax/),
    });
  });

  test('a parameter that the loss does not depend on', async () => {
    const graph = small((ops, p) => ops.sum(ops.mask(ops.greater(p, 0))));
    await expect(createTfjsEngine(options(graph))).rejects.toMatchObject({
      code: 'invalid_argument',
      message: expect.stringMatching(/p: expected a value that the loss depends on/),
    });
  });

  test('a backend that is not here, saying why', async () => {
    if ((await findNative()).loads) return;
    const engine = tfjsEngineOn('tensorflow')(options(small((ops, p) => ops.sum(p))));
    await expect(engine).rejects.toMatchObject({
      code: 'provider_unavailable',
      message: expect.stringMatching(/tensorflow: .*tfjs-node-gpu/),
    });
  });
});

test('weights in 8 bits are constants, dequantised once', async () => {
  const { tf } = await loadBackend();
  const graph = small((ops, p) => {
    const codes = ops.builder.initializer('codes', u8([3, 2], Uint8Array.of(0, 10, 200, 255, 128, 3)));
    const scale = ops.builder.initializer('scale', f32([3], [0.1, 0.2, 0.3]));
    const zero = ops.builder.initializer('zero', u8([3], Uint8Array.of(100, 128, 0)));
    const weights = ops.builder.node('DequantizeLinear', [codes, scale, zero], {
      axis: { kind: 'int', value: 0 },
    });
    const y = ops.matmul(p, weights);
    return ops.sum(ops.mul(y, y));
  });
  const { lossError, gradients } = await difference(graph, {});
  expect(lossError).toBeLessThan(1e-6);
  expect(gradients.p).toBeLessThan(1e-6);

  const before = tf.memory().numTensors;
  const engine = await createTfjsEngine({ graph, optimizer: { ...ADAMW, kind: 'adam' } });
  // The parameter, its two moments, and the weights as float32: neither codes nor scales.
  expect(tf.memory().numTensors).toBe(before + 4);
  await engine.close();
});
