// What the fixtures of training's files hold, computed: for the test that reads them and for writing a new version's.
//   node --import tsx test/compat/training-files.ts test/compat/v<version>

import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Tensor } from '../../src/onnx/model.ts';
import { type ActivationShape, openActivationCache } from '../../training/features/activation-cache.ts';
import { openFeatureCache } from '../../training/features/cache.ts';
import { type Checkpoint, writeCheckpoint } from '../../training/trainer/checkpoint.ts';

export const DIMENSION = 3;
export const FINGERPRINT = `sha256:${'ab'.repeat(32)}`;
export const HASHES = ['one', 'two', 'three'].map((text) => createHash('sha256').update(text).digest('hex'));
export const ROWS = Float32Array.of(1, 0, 0, 0, 0.6, 0.8, -0.5, 0.5, -Math.SQRT1_2);
export const ACTIVATION_SHAPE: ActivationShape = {
  dims: [2, 3],
  precision: 'float16',
  fingerprint: FINGERPRINT,
};
/** Bit patterns of halves: 1, -2, 65504, 2^-24, 0, 0.333. */
export const ACTIVATIONS: Tensor = {
  type: 'float16',
  dims: [3, 2, 3],
  data: Uint16Array.from(
    { length: 18 },
    (_, i) => [0x3c00, 0xc000, 0x7bff, 1, 0, 0x3554][(i + Math.floor(i / 6)) % 6]!,
  ),
};
export const CHECKPOINT: Checkpoint = {
  header: { run: FINGERPRINT, step: 7, progress: { epoch: 2, batch: 1, rng: [1, 2, 3, 4] } },
  tensors: new Map([
    ['head', Float32Array.of(0.25, -1.5, 3e-8)],
    ['proxies', Float32Array.of(42)],
  ]),
};

const folder = process.argv[2];
if (import.meta.filename === process.argv[1] && folder !== undefined) {
  mkdirSync(folder, { recursive: true });
  await writeCheckpoint(join(folder, 'training.ckpt'), CHECKPOINT);
  const cache = openFeatureCache({ folder, fingerprint: FINGERPRINT, dimension: DIMENSION });
  cache.append(HASHES, ROWS);
  cache.close();
  const activations = openActivationCache({ folder, shape: ACTIVATION_SHAPE });
  activations.append(HASHES, ACTIVATIONS);
  activations.close();
}
