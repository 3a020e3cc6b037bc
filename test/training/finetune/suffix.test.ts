import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRng } from '../../../src/math/rng.ts';
import { type LoadedModel, loadModel } from '../../../src/model/load.ts';
import { encodeModel } from '../../../src/onnx/codec.ts';
import type { OnnxModel } from '../../../src/onnx/model.ts';
import { f32 } from '../../../src/onnx/tensor.ts';
import { openSession } from '../../../src/runtime/session.ts';
import { normaliseRows } from '../../../training/baselines/linear-map.ts';
import { openNetworkEmbedder } from '../../../training/finetune/embedder.ts';
import { suffixNetwork, tunedOf } from '../../../training/finetune/network.ts';
import { splitBackbone } from '../../../training/finetune/suffix.ts';
import { withWeights } from '../../../training/finetune/write-back.ts';
import { branchingBackbone, FEATURES } from '../../fixtures/branching-backbone.ts';

const BATCH = 5;
const rng = createRng(4);
const normals = (length: number, scale = 1) => Float32Array.from({ length }, () => scale * rng.normal());
const images = f32([BATCH, 3, 16, 16], normals(BATCH * 3 * 256));
const head = {
  inputs: FEATURES,
  outputs: 6,
  mean: normals(FEATURES, 0.05),
  projection: normals(FEATURES * 6),
};

let folder: string;
let backbone: LoadedModel;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'attractor-suffix-'));
  backbone = await branchingBackbone({ directory: join(folder, 'branching') });
});
afterAll(() => rm(folder, { recursive: true }));

async function run(model: OnnxModel, output: string) {
  const session = await openSession({ model: encodeModel(model), threads: 1 });
  const result = (await session.run({ image: images }))[output]!;
  await session.release();
  return result;
}

/** L2((L2(features) - mean) P) in plain JavaScript. */
function headOf(features: Float32Array, projection: Float32Array): Float32Array {
  const rows = normaliseRows(features.slice(), FEATURES);
  const out = new Float32Array(BATCH * head.outputs);
  for (let i = 0; i < BATCH; i++) {
    for (let j = 0; j < head.outputs; j++) {
      for (let k = 0; k < FEATURES; k++) {
        out[i * head.outputs + j]! +=
          (rows[i * FEATURES + k]! - head.mean[k]!) * projection[k * head.outputs + j]!;
      }
    }
  }
  return normaliseRows(out, head.outputs);
}

const largest = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  expect(a.length).toBe(b.length);
  return Math.max(...Array.from(a, (x, i) => Math.abs(x - b[i]!)));
};

/** Embeds the images through prefix and network under `values`, and returns the network too. */
async function through(train: string, precision: 'float16' | 'float32', moved = 0) {
  const split = await splitBackbone({ backbone, train, precision });
  const network = suffixNetwork({ ...split, head, headRate: 10 });
  const activations = await run(split.prefix.model, split.prefix.output);
  const values = new Map(
    network.parameters.map(({ name, initial }) => [name, initial.map((x) => x + moved * rng.normal())]),
  );
  const embedder = await openNetworkEmbedder({
    network,
    read: () => ({ activations }),
    batch: BATCH,
    threads: 1,
  });
  const embeddings = await embedder.embed(
    values,
    Int32Array.from({ length: BATCH }, (_, i) => i),
  );
  await embedder.close();
  return { split, network, values, activations, embeddings };
}

describe('a cut backbone', () => {
  const everywhere = ['last:1', 'last:2', 'last:3', 'last:4', 'all'];

  test.each(everywhere)(
    '%s: prefix and network together start at what backbone and head give',
    async (train) => {
      const whole = await run((await splitBackbone({ backbone, train })).model, 'features');
      const { embeddings } = await through(train, 'float32');
      expect(largest(embeddings, headOf(whole.data as Float32Array, head.projection))).toBeLessThan(2e-6);
    },
  );

  test.each(everywhere)('%s: trained weights written back serve what was trained', async (train) => {
    const { split, values, embeddings } = await through(train, 'float32', 0.05);
    const tuned = tunedOf(values, head);
    const model = withWeights({ split, weights: tuned.weights });
    const features = (await run(model, 'features')).data as Float32Array;
    expect(largest(embeddings, headOf(features, tuned.head.projection))).toBeLessThan(2e-6);
    expect(model.graph.inputs).toEqual(split.model.graph.inputs);
    expect(model.graph.outputs).toEqual(split.model.graph.outputs);
    const kept = model.graph.nodes.map(({ name }) => name);
    const gone = split.model.graph.nodes.filter(({ name }) => !kept.includes(name)).map(({ name }) => name);
    expect(gone.every((name) => tuned.weights.has(name))).toBe(true);
  });

  test('weights are those behind the cut, dequantised and transposed ones by the value that is read', async () => {
    const { split, network } = await through('last:3', 'float32');
    expect(split.suffix.weights.map(({ name, dims }) => `${name} [${dims}]`)).toEqual([
      'mixed/left/w [6,8,1,1]',
      'mixed/left/b [6]',
      'mixed/right/w [6,8,3,3]',
      'mixed/right/b [6]',
      'residual/w [12,12,3,3]',
      'residual/bn/scale [12]',
      'residual/bn/bias [12]',
      `dense/w [12,${FEATURES}]`,
      `dense/b [${FEATURES}]`,
    ]);
    const byName = new Map(network.parameters.map((one) => [one.name, one]));
    expect(byName.get('head')).toMatchObject({ dims: [FEATURES, 6], learningRateMultiplier: 10 });
    expect(byName.get('backbone/mixed/left/w')).toMatchObject({ learningRateMultiplier: 1 });
    expect(byName.get('backbone/mixed/left/w')!.weightDecayMultiplier).toBeUndefined();
    expect(byName.get('backbone/mixed/left/b')!.weightDecayMultiplier).toBe(0);
    const limit = Math.max(...split.suffix.weights[0]!.data.map(Math.abs));
    expect(limit).toBeLessThanOrEqual(0.004 * 128 + 1e-6);
  });

  test('float16 activations are the float32 ones, rounded to 11 bits', async () => {
    const exact = await through('last:2', 'float32');
    const half = await through('last:2', 'float16');
    expect(half.activations).toMatchObject({ type: 'float16', dims: [BATCH, 12, 8, 8] });
    const numbers = Float32Array.from(half.activations.data as Uint16Array, fromHalf);
    const wanted = exact.activations.data as Float32Array;
    for (const [i, x] of wanted.entries()) {
      expect(Math.abs(numbers[i]! - x)).toBeLessThanOrEqual(Math.abs(x) * 2 ** -11 + 2 ** -25);
    }
    expect(largest(half.embeddings, exact.embeddings)).toBeLessThan(1e-3);
    expect(half.split.prefix.fingerprint).not.toBe(exact.split.prefix.fingerprint);
  });

  test('the fingerprint says what was cut where', async () => {
    const print = async (train: string) => (await splitBackbone({ backbone, train })).prefix.fingerprint;
    expect(await print('last:2')).toBe(await print('last:mixed/concat'));
    expect(await print('last:2')).not.toBe(await print('last:3'));
  });

  test('a real one: the last two blocks of Inception V3', async () => {
    const inception = await loadModel({
      directory: join(import.meta.dirname, '../../../models/inception-v3'),
    });
    const { prefix, suffix } = await splitBackbone({ backbone: inception, train: 'last:2' });
    expect(prefix.dims).toEqual([768, 12, 12]);
    expect(suffix.weights.length).toBe(30);
    expect(suffix.weights.reduce((sum, { data }) => sum + data.length, 0)).toBe(6_738_368);
    expect(suffix.nodes.map(({ op }) => op)).not.toContain('DequantizeLinear');
  });
});

function fromHalf(bits: number): number {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}
