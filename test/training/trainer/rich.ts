// The run with everything on that a resumed run could get wrong: an old part and a new one, a running mean, a loss with a memory and
// proxies, random batches, augmentation, SGD with momentum, both limits, averages, a warm-up of the new part, files of the best.

import { f32 } from '../../../src/onnx/tensor.ts';
import type { Network } from '../../../training/graph/network.ts';
import type { Loss } from '../../../training/losses/loss.ts';
import { potentialField } from '../../../training/losses/potential-field.ts';
import type { TrainNetworkOptions, TrainNetworkResult } from '../../../training/trainer/options.ts';
import { trainNetwork } from '../../../training/trainer/trainer.ts';
import { DIMENSION_IN, randomHead, recallAt1, syntheticSet } from './synthetic.ts';

const [WIDTH, DIMENSION] = [16, 8];
const { train, validation } = syntheticSet(1);

/** unit(relu(x trunk - running mean) head), whose running mean follows the batches. */
export function twoLayers(): Network {
  const head = randomHead(2, DIMENSION).subarray(0, WIDTH * DIMENSION);
  return {
    name: 'two-layers',
    dimension: DIMENSION,
    inputs: (batch) => [{ name: 'features', type: 'float32', dims: [batch, DIMENSION_IN] }],
    parameters: [
      {
        name: 'trunk',
        dims: [DIMENSION_IN, WIDTH],
        initial: randomHead(1, WIDTH),
        learningRateMultiplier: 0.5,
      },
      { name: 'head', dims: [WIDTH, DIMENSION], initial: head, learningRateMultiplier: 1, isNew: true },
    ],
    buffers: [{ name: 'running', dims: [1, WIDTH], initial: new Float32Array(WIDTH) }],
    build: (ops) => {
      const inner = ops.matmul('features', 'trunk');
      const running = ops.add(ops.mul(0.9, 'running'), ops.mul(0.1, ops.mean(inner, [0], true)));
      const embeddings = ops.unitRows(ops.matmul(ops.max(ops.sub(inner, 'running'), 0), 'head'));
      return { embeddings, next: { running } };
    },
  };
}

/** PFML with a pull towards the last batch's mean, which it remembers. */
function withMemory(): Loss {
  const field = potentialField({ proxiesPerClass: 2 });
  return {
    ...field,
    name: 'field-with-memory',
    buffers: ({ dimension }) => [
      { name: 'memory', dims: [1, dimension], initial: () => new Float32Array(dimension) },
    ],
    scheduled: { pull: (progress) => 0.1 * progress },
    build: (input) => {
      const { ops, embeddings, buffers, scheduled } = input;
      const { loss } = field.build(input);
      const away = ops.sub(embeddings, buffers.memory!);
      const pull = ops.mul(scheduled.pull!, ops.mean(ops.mul(away, away)));
      return { loss: ops.add(loss, pull), next: { memory: ops.mean(embeddings, [0], true) } };
    },
  };
}

/** Four epochs of eight steps. */
export const trainRich = (options: Partial<TrainNetworkOptions> = {}): Promise<TrainNetworkResult> =>
  trainNetwork({ ...optionsOf(), ...options });

export function optionsOf(): TrainNetworkOptions {
  return {
    network: twoLayers(),
    loss: withMemory(),
    samples: {
      labels: train.labels,
      hash: 'synthetic 1',
      batch: (samples, rng) => {
        const jittered = Float32Array.from({ length: samples.length * DIMENSION_IN }, (_, i) => {
          const sample = samples[Math.floor(i / DIMENSION_IN)]!;
          return train.features[sample * DIMENSION_IN + (i % DIMENSION_IN)]! + 0.1 * rng.normal();
        });
        return { features: f32([samples.length, DIMENSION_IN], jittered) };
      },
    },
    classMeans: () => new Float32Array(40 * DIMENSION).fill(1 / Math.sqrt(DIMENSION)),
    validate: async (values) => ({ score: 0, metrics: { recall: recallOf(values) } }),
    monitor: 'recall',
    sampler: 'random',
    classesPerBatch: 10,
    epochs: 4,
    optimizer: { kind: 'sgd', nesterov: true },
    learningRate: 0.05,
    schedule: { kind: 'step', every: 2, factor: 0.3 },
    warmupEpochs: 1,
    warmupTrains: 'new',
    weightDecay: 1e-3,
    clipValue: 0.5,
    clipNorm: 1,
    ema: 0.9,
  };
}

/** Recall of unseen classes, in plain arithmetic. */
function recallOf(values: ReadonlyMap<string, Float32Array>): number {
  const [trunk, head, running] = ['trunk', 'head', 'running'].map((name) => values.get(name)!);
  const rows = validation.labels.length;
  const embedded = new Float32Array(rows * DIMENSION_IN);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < WIDTH; k++) {
      let inner = 0;
      for (let j = 0; j < DIMENSION_IN; j++) {
        inner += validation.features[i * DIMENSION_IN + j]! * trunk![j * WIDTH + k]!;
      }
      embedded[i * DIMENSION_IN + k] = Math.max(0, inner - running![k]!);
    }
  }
  // recallAt1 takes DIMENSION_IN columns: those past the width are zero, and so are their rows of the head.
  const padded = new Float32Array(DIMENSION_IN * DIMENSION);
  padded.set(head!);
  return recallAt1({ features: embedded, labels: validation.labels }, padded);
}

/** Everything the result is made of, to the bit. */
export const richBits = ({ best, parameters, ...rest }: TrainNetworkResult) => ({
  ...rest,
  tensors: [...best, ...parameters].map(([name, data]) => [
    name,
    Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex'),
  ]),
});
