// The two engines on the same graphs: loss and all gradients to 1e-4 of the largest, and a checkpoint of one that the other
// goes on from.

import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { createRng } from '../../../src/math/rng.ts';
import { decodeModel } from '../../../src/onnx/codec.ts';
import { cutGraph } from '../../../src/onnx/edit.ts';
import type { OnnxModel } from '../../../src/onnx/model.ts';
import { f32 } from '../../../src/onnx/tensor.ts';
import type { Batch } from '../../../training/engine/engine.ts';
import { createOrtEngine } from '../../../training/engine/ort.ts';
import { createTfjsEngine } from '../../../training/engine/tfjs.ts';
import { headNetwork } from '../../../training/graph/head.ts';
import { buildTrainingGraph, type TrainingGraph } from '../../../training/graph/training-graph.ts';
import { type PotentialFieldPreset, potentialField } from '../../../training/losses/potential-field.ts';
import { ADAMW } from '../../../training/optim/optimizer.ts';
import { BLOCKS } from '../../fixtures/blocks.ts';
import { difference, modelGraph } from './agreement.ts';

async function expectAgreement(graph: TrainingGraph, batch: Batch): Promise<void> {
  const { loss, lossError, gradients } = await difference(graph, batch);
  expect(loss).not.toBe(0);
  expect(lossError).toBeLessThan(1e-4);
  expect(Object.keys(gradients)).toHaveLength(graph.parameters.length);
  for (const [name, error] of Object.entries(gradients)) expect(error, name).toBeLessThan(1e-4);
}

const [BATCH, CLASSES, WIDTH, DIMENSION] = [24, 4, 16, 8];
const rng = createRng(3);
const normals = (count: number) => Float32Array.from({ length: count }, () => rng.normal());

/** A linear head under PFML, and a batch of it. */
function head(preset: PotentialFieldPreset): { graph: TrainingGraph; batch: Batch } {
  const loss = potentialField({ preset });
  const context = { rng: createRng(4), classMeans: () => normals(CLASSES * DIMENSION) };
  const shape = { classes: CLASSES, dimension: DIMENSION };
  const graph = buildTrainingGraph({
    network: headNetwork({ dimensionIn: WIDTH, dimension: DIMENSION, initial: normals(WIDTH * DIMENSION) }),
    loss,
    batch: BATCH,
    classes: CLASSES,
    initialLoss: Object.fromEntries(loss.parameters(shape).map((one) => [one.name, one.initial(context)])),
  });
  const labels = Int32Array.from({ length: BATCH }, (_, i) => i % CLASSES);
  const features = f32([BATCH, WIDTH], normals(BATCH * WIDTH));
  return { graph, batch: { features, labels: { type: 'int32', dims: [BATCH], data: labels } } };
}

test.each(['paper', 'frozen-features'] as const)('a head under PFML, preset %s', async (preset) => {
  const { graph, batch } = head(preset);
  await expectAgreement(graph, batch);
});

test.each(Object.entries(BLOCKS))('the %s block', async (_, block) => {
  const { model, inputs, parameters } = block();
  const feeds = Object.entries(inputs).map(([name, data]) => {
    const { dims } = model.graph.inputs.find((input) => input.name === name)!;
    return [name, f32(dims as number[], data)];
  });
  await expectAgreement(modelGraph(model, parameters), Object.fromEntries(feeds));
});

/** Mixed_7b of the model that comes with the project, at 224 px: its 8-bit weights as float32 initialisers. */
async function lastInceptionBlock(batch: number): Promise<{ model: OnnxModel; weights: string[] }> {
  const path = new URL('../../../models/inception-v3/model.onnx', import.meta.url);
  const whole = decodeModel(await readFile(path));
  const nodes = whole.graph.nodes.filter(
    ({ name, op }) => name.startsWith('Mixed_7b/') && op !== 'DequantizeLinear',
  );
  const stored = new Map(
    whole.graph.nodes.filter(({ op }) => op === 'DequantizeLinear').map((node) => [node.outputs[0]!, node]),
  );
  const initializers = new Map(whole.graph.initializers);
  const weights: string[] = [];
  for (const name of nodes.flatMap(({ inputs }) => inputs)) {
    const node = stored.get(name);
    if (!node) continue;
    weights.push(name);
    const [codes, scale, zero] = node.inputs.map((input) => whole.graph.initializers.get(input)!);
    const each = codes!.data.length / scale!.data.length;
    const data = Float32Array.from(codes!.data as Uint8Array, (code, i) => {
      const at = Math.floor(i / each);
      return (code - Number(zero!.data[at])) * Number(scale!.data[at]);
    });
    initializers.set(name, f32(codes!.dims, data));
  }
  const output = { name: 'Mixed_7b/concat', type: 'float32' as const, dims: [batch, 2048, 5, 5] };
  const inputs = [{ name: 'Mixed_7a/concat', type: 'float32' as const, dims: [batch, 1280, 5, 5] }];
  const block = { ...whole, graph: { ...whole.graph, name: 'mixed-7b', inputs, initializers, nodes } };
  return { model: cutGraph({ model: block, outputs: [output] }), weights };
}

test("Inception's real last block by all its weights and biases, at batch 4", async () => {
  const { model, weights } = await lastInceptionBlock(4);
  const biases = [...model.graph.initializers.keys()].filter((name) => name.endsWith('/bias'));
  expect([weights.length, biases.length]).toEqual([9, 9]);
  // What comes out of the block before is never below 0.
  const maps = normals(4 * 1280 * 25).map((value) => Math.max(0, value));
  await expectAgreement(modelGraph(model, [...weights, ...biases]), {
    'Mixed_7a/concat': f32([4, 1280, 5, 5], maps),
  });
});

test("goes on from the other engine's checkpoint", async () => {
  const { graph, batch } = head('frozen-features');
  const options = { graph, optimizer: ADAMW, clipNorm: 1, ema: 0.9, threads: 1 };
  const [ort, tfjs] = await Promise.all([createOrtEngine(options), createTfjsEngine(options)]);
  for (let i = 0; i < 3; i++) await ort.step(batch, 0.01);
  tfjs.restore(ort.state());
  for (let i = 0; i < 3; i++) await Promise.all([ort.step(batch, 0.01), tfjs.step(batch, 0.01)]);
  const [expected, received] = [ort.state(), tfjs.state()];
  expect(received.step).toBe(6);
  expect([...received.tensors.keys()]).toEqual([...expected.tensors.keys()]);
  for (const [name, data] of expected.tensors) {
    const other = received.tensors.get(name)!;
    const largest = data.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    for (const [i, value] of data.entries())
      expect(Math.abs(other[i]! - value), name).toBeLessThan(1e-4 * largest);
  }
  ort.restore(received);
  expect(await ort.step(batch, 0.01)).toBeCloseTo(await tfjs.step(batch, 0.01), 5);
  await Promise.all([ort.close(), tfjs.close()]);
});
