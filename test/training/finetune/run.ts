// A small fine-tuning run for tests: a tiny shop, a branching backbone, its last two blocks.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readDataset } from '../../../src/dataset/read.ts';
import { createRng } from '../../../src/math/rng.ts';
import type { LinearMap } from '../../../training/baselines/linear-map.ts';
import { createMatmul } from '../../../training/baselines/matmul.ts';
import { FLIPS } from '../../../training/features/views.ts';
import {
  type FineTuned,
  type FineTuneOptions,
  fineTune,
  openTuning,
} from '../../../training/finetune/fine-tune.ts';
import type { Tuning } from '../../../training/finetune/tuning.ts';
import { potentialField } from '../../../training/losses/potential-field.ts';
import { branchingBackbone, FEATURES } from '../../fixtures/branching-backbone.ts';
import { tinyShop } from '../../fixtures/tiny-shop.ts';

const DIMENSION = 8;

/** 48 classes of 6 images, plain and mirrored. */
export async function openTiny(folder: string, train = 'last:2') {
  await mkdir(folder, { recursive: true });
  const backbone = await branchingBackbone({ directory: join(folder, 'branching') });
  const { rows } = await readDataset({ path: await tinyShop({ folder, classes: 48, each: 6 }) });
  const matmul = createMatmul({ threads: 1 });
  const tuning = await openTuning({
    ...{ backbone, rows, train, matmul, views: FLIPS, threads: 1 },
    cache: join(folder, 'cache'),
  });
  const labels = rows.map((row) => row.label);
  const close = async () => {
    tuning.activations.close();
    await matmul.release();
  };
  return { backbone, rows, labels, tuning, close };
}

/** A head that knows nothing: a random matrix. */
export async function randomHead(): Promise<LinearMap> {
  const rng = createRng(5);
  const projection = Float32Array.from({ length: FEATURES * DIMENSION }, () => rng.normal());
  return { inputs: FEATURES, outputs: DIMENSION, mean: new Float32Array(FEATURES), projection };
}

/** Two rates of three epochs of three steps, then as many epochs of four as were chosen, and one more. */
export const tuneTiny = (
  tiny: { readonly tuning: Tuning; readonly labels: readonly string[] },
  options: Partial<FineTuneOptions> = {},
): Promise<FineTuned> =>
  fineTune({
    tuning: tiny.tuning,
    labels: tiny.labels,
    head: randomHead,
    loss: potentialField({ proxiesPerClass: 0 }),
    ...{ classesPerBatch: 18, samplesPerClass: 4, epochs: 3, holdoutClasses: 0.25 },
    ...{ learningRates: [3e-3, 1e-2], headRate: 3, clipNorm: 5 },
    ...options,
  });

/** Everything the result is made of, to the bit. */
export const bits = ({ tuned, chosen, trials }: FineTuned) => ({
  ...{ chosen, trials },
  tensors: [...tuned.weights.values(), tuned.head.projection].map((data) =>
    Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex'),
  ),
});
