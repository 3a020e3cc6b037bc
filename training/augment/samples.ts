// Samples that change from step to step: cached features with a view drawn for each, and images augmented as they are read.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { invalid, refuseUnknown } from '../../src/errors/error.ts';
import { augment } from '../../src/image/augment.ts';
import type { PreprocessContract } from '../../src/image/contract.ts';
import { preprocess } from '../../src/image/preprocess.ts';
import { createRng } from '../../src/math/rng.ts';
import { f32 } from '../../src/onnx/tensor.ts';
import type { Samples } from '../trainer/options.ts';
import type { Augmentation } from './augmentation.ts';

export interface ViewSamplesOptions {
  /** [samples, dimension] each, of the same samples; the first is clean. */
  readonly views: readonly Float32Array[];
  readonly dimension: number;
  /** [samples]. */
  readonly labels: Int32Array;
  /** The network's input. Default `features`, as headNetwork names it. */
  readonly input?: string;
  /** Chance of the clean view; the others share the rest evenly. Default: all views alike. */
  readonly clean?: number;
}

/** Each sample of each step gets one of its views, drawn from the step's rng. Throws `invalid_argument`. */
export function viewSamples(options: ViewSamplesOptions): Samples {
  refuseUnknown(options, ['views', 'dimension', 'labels', 'input', 'clean'], 'viewSamples');
  const { views, dimension, labels, input = 'features', clean } = options;
  if (views.length === 0) throw invalid('views', 'at least one', views);
  views.forEach((view, v) => {
    if (view.length === labels.length * dimension) return;
    throw invalid(`views[${v}]`, `${labels.length} x ${dimension} values`, view);
  });
  const chance = clean ?? 1 / views.length;
  if (!(chance >= 0 && chance <= 1)) throw invalid('clean', 'a number from 0 to 1', clean);
  const hash = createHash('sha256').update(`${chance}`);
  for (const view of views) hash.update(view);
  return {
    labels,
    batch(samples, rng) {
      const rows = new Float32Array(samples.length * dimension);
      samples.forEach((sample, i) => {
        const isClean = rng.next() < chance || views.length === 1;
        const view = views[isClean ? 0 : 1 + rng.int(views.length - 1)]!;
        rows.set(view.subarray(sample * dimension, (sample + 1) * dimension), i * dimension);
      });
      return { [input]: f32([samples.length, dimension], rows) };
    },
    hash: hash.digest('hex'),
  };
}

export interface ImageSamplesOptions {
  /** [samples]: paths of images that are known to be readable. */
  readonly images: readonly string[];
  /** [samples]. */
  readonly labels: Int32Array;
  readonly contract: PreprocessContract;
  /** The network's input. */
  readonly input: string;
  /** Absent: the images as they are served. */
  readonly augmentation?: Augmentation;
  /** Tells these images from others, for checkpoints: such as a hash over theirs. */
  readonly hash: string;
}

/** Images read, augmented and laid out as [batch, 3, height, width] for every step. Throws as `preprocess` does. */
export function imageSamples(options: ImageSamplesOptions): Samples {
  refuseUnknown(options, ['images', 'labels', 'contract', 'input', 'augmentation', 'hash'], 'imageSamples');
  const { images, labels, contract, input, augmentation } = options;
  if (images.length !== labels.length) throw invalid('images', `${labels.length} paths`, images.length);
  const { width, height } = contract;
  const size = 3 * height * width;
  return {
    labels,
    async batch(samples, rng) {
      // Drawn in order before anything is read: which image is decoded first must not matter.
      const seeds = Array.from(samples, () => rng.int(2 ** 32));
      const pixels = new Float32Array(samples.length * size);
      const one = async (i: number) => {
        const bytes = await readFile(images[samples[i]!]!);
        const made = augmentation
          ? await augment({ bytes, contract, transform: augmentation.draw(createRng(seeds[i]!), contract) })
          : await preprocess({ bytes, contract });
        pixels.set(made, i * size);
      };
      await Promise.all(seeds.map((_, i) => one(i)));
      return { [input]: f32([samples.length, 3, height, width], pixels) };
    },
    hash: createHash('sha256').update(`${options.hash} ${augmentation?.fingerprint}`).digest('hex'),
  };
}
