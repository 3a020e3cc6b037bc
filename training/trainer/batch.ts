// What a training step is fed.

import { createRng } from '../../src/math/rng.ts';
import { scalar } from '../../src/onnx/tensor.ts';
import type { Batch } from '../engine/engine.ts';
import type { TrainNetworkConfig } from './config.ts';

/**
 * The samples as the network takes them, their labels, and what the loss has scheduled for this step, 0 for the first. The random
 * numbers of augmentation follow from seed and step alone.
 */
export async function fetchBatch(options: {
  readonly config: Pick<TrainNetworkConfig, 'samples' | 'loss' | 'seed'>;
  readonly drawn: Int32Array;
  readonly step: number;
  readonly totalSteps: number;
}): Promise<Batch> {
  const { config, drawn, step, totalSteps } = options;
  const { samples, loss, seed } = config;
  const data = drawn.map((sample) => samples.labels[sample]!);
  const batch: Record<string, Batch[string]> = {
    ...(await samples.batch(drawn, createRng((seed % 2 ** 20) * 2 ** 32 + step))),
    labels: { type: 'int32', dims: [drawn.length], data },
  };
  for (const [name, at] of Object.entries(loss.scheduled ?? {})) batch[name] = scalar(at(step / totalSteps));
  return batch;
}
