// The in-process core against vectors worked out by hand.

import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createModelEmbedder, type ModelEmbedder } from '../../src/embed/model-embedder.ts';
import { preprocess } from '../../src/image/preprocess.ts';
import { type LoadedModel, loadModel } from '../../src/model/load.ts';
import { expectedVector, image, saveTinyModel } from './model.ts';

let directory: string;
let model: LoadedModel;
let embedder: ModelEmbedder;

beforeAll(async () => {
  directory = await saveTinyModel();
  model = await loadModel({ directory });
  embedder = await createModelEmbedder({ model, threads: 2 });
});
afterAll(async () => {
  await embedder.close();
  await rm(dirname(directory), { recursive: true });
});

describe('embedImages', () => {
  test('gives the vector of the mean colour, in order, and bad images fail alone', async () => {
    const images = [
      await image('one-pixel.png'),
      new Uint8Array(9),
      await image('scene.avif'),
      await image('bomb.png'),
    ];
    const results = await embedder.embedImages({ images });
    const [pixel, text, scene, bomb] = results as [
      { vector: Float32Array },
      object,
      { vector: Float32Array },
      object,
    ];
    expect(results).toHaveLength(4);
    const close = (actual: Float32Array, expected: number[], digits: number): void => {
      for (const [i, value] of expected.entries()) expect(actual[i]).toBeCloseTo(value, digits);
    };
    close(pixel.vector, expectedVector([10, 20, 30]), 5);
    close(scene.vector, expectedVector([142.5, 125, 100]), 2); // the mean of the quadrants
    expect(text).toMatchObject({ error: { code: 'image_unsupported' } });
    expect(bomb).toMatchObject({ error: { code: 'image_too_large' } });
  });

  test('an image without direction is an error, not NaN', async () => {
    const black = await image('bomb.png'); // all black, and within these limits
    const small = await createModelEmbedder({ model, limits: { pixels: 2e8 } });
    const [result] = await small.embedImages({ images: [black] });
    await small.close();
    expect(result).toMatchObject({ error: { code: 'image_featureless', field: 'image' } });
  });

  test('does not depend on the batch that an image is in', async () => {
    const names = ['photo.jpg', 'ramp.png', 'p3-8.png'];
    const images = await Promise.all(names.map(image));
    const together = await embedder.embedImages({ images });
    for (const [i, bytes] of images.entries()) {
      expect(await embedder.embedImages({ images: [bytes] })).toEqual([together[i]]);
    }
  });

  test('nothing in, nothing out', async () => {
    expect(await embedder.embedImages({ images: [] })).toEqual([]);
  });
});

test('embedTensors is the graph alone, over the tensors that preprocess makes', async () => {
  const names = ['photo.jpg', 'ramp.png'];
  const images = await Promise.all(names.map(image));
  const size = 3 * 16 * 16;
  const tensors = new Float32Array(2 * size);
  for (const [i, bytes] of images.entries()) {
    tensors.set(await preprocess({ bytes, contract: model.manifest.preprocess }), i * size);
  }
  const rows = await embedder.embedTensors({ tensors, count: 2 });
  const raw = await createModelEmbedder({ model, normalise: false });
  const results = await raw.embedImages({ images });
  await raw.close();
  expect(results).toEqual([{ vector: rows.slice(0, 4) }, { vector: rows.slice(4) }]);
});
