// The committed backbone: its vectors are the stored ones, whatever changes around it.
// backbone.f32 holds two vectors of 2,048 little-endian floats: of `wave`, then of grand-piano.jpg.

import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { preprocess } from '../../src/image/preprocess.ts';
import { type LoadedModel, loadModel } from '../../src/model/load.ts';
import { f32 } from '../../src/onnx/tensor.ts';
import { openSession, type Session } from '../../src/runtime/session.ts';

const here = new URL('.', import.meta.url);
let model: LoadedModel;
let session: Session;

beforeAll(async () => {
  model = await loadModel({ directory: 'models/inception-v3' });
  session = await openSession({ model: model.graph });
});
afterAll(() => session.release());

/** An input that needs no image pipeline: smooth stripes, another phase per channel. */
const wave = (height: number, width: number) =>
  Float32Array.from({ length: 3 * height * width }, (_, i) => {
    const at = i % (height * width);
    return Math.sin(0.11 * (at % width) + 0.07 * Math.floor(at / width) + Math.floor(i / (height * width)));
  });

async function embed(input: Float32Array, dims: number[]): Promise<Float32Array> {
  const { embedding } = await session.run({ image: f32(dims, input) });
  expect(embedding).toMatchObject({ type: 'float32', dims: [dims[0], 2048] });
  return embedding!.data as Float32Array;
}

async function stored(): Promise<[Float32Array, Float32Array]> {
  const values = new Float32Array(new Uint8Array(await readFile(new URL('backbone.f32', here))).buffer);
  return [values.subarray(0, 2048), values.subarray(2048)];
}

const worst = (a: Float32Array, b: Float32Array) =>
  a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0);

describe('models/inception-v3', () => {
  // Values reach about 3. Kernels of other CPUs add up in another order, which costs less than 1e-4.
  test('gives the stored vector for a synthetic input', async () => {
    const vector = await embed(wave(224, 224), [1, 3, 224, 224]);
    expect(worst(vector, (await stored())[0])).toBeLessThan(1e-4);
  });

  // Another libjpeg may decode a pixel one step differently.
  test('gives the stored vector for a known image', async () => {
    const bytes = await readFile(new URL('images/grand-piano.jpg', here));
    const input = await preprocess({ bytes, contract: model.manifest.preprocess });
    expect(worst(await embed(input, [1, 3, 224, 224]), (await stored())[1])).toBeLessThan(1e-2);
  });

  test.each([
    [75, 75],
    [96, 160],
    [299, 299],
  ])('takes %i x %i images, in batches', async (height, width) => {
    const one = wave(height, width);
    const two = Float32Array.from(one, (x) => -x);
    const dims = [3, height, width];
    const both = await embed(Float32Array.from([...one, ...two]), [2, ...dims]);
    expect(worst(both.subarray(0, 2048), await embed(one, [1, ...dims]))).toBeLessThan(1e-4);
    expect(worst(both.subarray(2048), await embed(two, [1, ...dims]))).toBeLessThan(1e-4);
    expect(worst(both.subarray(0, 2048), both.subarray(2048))).toBeGreaterThan(0.1);
  });
});
