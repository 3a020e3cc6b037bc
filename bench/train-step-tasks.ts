// What train-step.ts measures: networks, losses and data of the sizes that issue 3 names. Runs nothing.

import { createRng } from '../src/math/rng.ts';
import { attr } from '../src/onnx/build.ts';
import type { Tensor } from '../src/onnx/model.ts';
import { f32 } from '../src/onnx/tensor.ts';
import type { Batch } from '../training/engine/engine.ts';
import { headNetwork } from '../training/graph/head.ts';
import type { Carried, Network, NetworkOutput, Parameter } from '../training/graph/network.ts';
import type { Ops } from '../training/graph/ops.ts';
import type { Loss } from '../training/losses/loss.ts';
import { potentialField } from '../training/losses/potential-field.ts';

export interface Task {
  readonly network: Network;
  readonly loss: Loss;
  readonly classes: number;
  readonly labels: Int32Array;
  readonly proxies: Float32Array;
  readonly input: Tensor;
  readonly batch: Batch;
  /** Kind, stride and groups of every convolution. */
  readonly layers?: readonly (readonly [string, number, number])[];
}

const [BATCH, CLASSES, PER_CLASS] = [128, 1000, 3];

export const TASKS = {
  /** 2048 to 512, 3,000 proxies. */
  head: (): Task => {
    const [dimensionIn, dimension] = [2048, 512];
    const rng = createRng(1);
    const normals = (length: number, scale: number) =>
      Float32Array.from({ length }, () => scale * rng.normal());
    const input = f32([BATCH, dimensionIn], normals(BATCH * dimensionIn, 1));
    const labels = Int32Array.from({ length: BATCH }, (_, i) => 7 * Math.floor(i / 4));
    const initial = normals(dimensionIn * dimension, 1 / Math.sqrt(dimensionIn));
    return {
      network: headNetwork({ dimensionIn, dimension, initial }),
      loss: potentialField({ proxiesPerClass: PER_CLASS }),
      classes: CLASSES,
      labels,
      proxies: normals(CLASSES * PER_CLASS * dimension, 1 / Math.sqrt(dimension)),
      input,
      batch: { features: input, labels: { type: 'int32', dims: [BATCH], data: labels } },
    };
  },
  /** 64 px to 128: conv 3x3, three depthwise and pointwise pairs, batch norm in training mode, ReLU; runtime.md's W2. */
  cnn: (): Task => {
    const dimension = 128;
    const rng = createRng(2);
    const normals = (length: number, scale: number) =>
      Float32Array.from({ length }, () => scale * rng.normal());
    const input = f32([BATCH, 3, 64, 64], normals(BATCH * 3 * 64 * 64, 1));
    const labels = Int32Array.from({ length: BATCH }, (_, i) => 7 * Math.floor(i / 4));
    const parameters: Parameter[] = [];
    const buffers: Carried[] = [];
    const trained = (name: string, dims: number[], initial: Float32Array) =>
      parameters.push({ name, dims, initial, learningRateMultiplier: 1 });
    for (const [i, { from, to, kernel, groups }] of CONVOLUTIONS.entries()) {
      const inputs = (from / groups) * kernel ** 2;
      trained(`conv${i}`, [to, from / groups, kernel, kernel], normals(to * inputs, Math.sqrt(2 / inputs)));
      trained(`scale${i}`, [to], new Float32Array(to).fill(1));
      trained(`bias${i}`, [to], new Float32Array(to));
      buffers.push({ name: `mean${i}`, dims: [to], initial: new Float32Array(to) });
      buffers.push({ name: `var${i}`, dims: [to], initial: new Float32Array(to).fill(1) });
    }
    const { to: channels } = CONVOLUTIONS.at(-1)!;
    trained('head', [channels, dimension], normals(channels * dimension, 1 / Math.sqrt(channels)));
    return {
      network: {
        ...{ name: 'cnn', dimension, parameters, buffers },
        inputs: () => [{ name: 'image', type: 'float32', dims: input.dims }],
        build: (ops) => cnn(ops),
      },
      loss: potentialField({ proxiesPerClass: PER_CLASS }),
      classes: CLASSES,
      labels,
      proxies: normals(CLASSES * PER_CLASS * dimension, 1 / Math.sqrt(dimension)),
      input,
      batch: { image: input, labels: { type: 'int32', dims: [BATCH], data: labels } },
      layers: CONVOLUTIONS.map(({ stride, groups }) => ['conv', stride, groups]),
    };
  },
};

const depthwise = (channels: number, stride: number) => ({
  ...{ from: channels, to: channels, kernel: 3, stride, groups: channels },
});
const pointwise = (from: number, to: number) => ({ from, to, kernel: 1, stride: 1, groups: 1 });
const CONVOLUTIONS = [
  { from: 3, to: 32, kernel: 3, stride: 2, groups: 1 },
  ...[depthwise(32, 1), pointwise(32, 64)],
  ...[depthwise(64, 2), pointwise(64, 128)],
  ...[depthwise(128, 2), pointwise(128, 256)],
];

function cnn(ops: Ops): NetworkOutput {
  const next: Record<string, string> = {};
  let x = 'image';
  for (const [i, { kernel, stride, groups }] of CONVOLUTIONS.entries()) {
    const pad = kernel >> 1;
    x = ops.builder.node('Conv', [x, `conv${i}`], {
      kernel_shape: attr.ints([kernel, kernel]),
      pads: attr.ints([pad, pad, pad, pad]),
      strides: attr.ints([stride, stride]),
      group: attr.int(groups),
    });
    const [y, mean, variance] = ops.builder.node(
      'BatchNormalization',
      [x, `scale${i}`, `bias${i}`, `mean${i}`, `var${i}`],
      { training_mode: attr.int(1), momentum: attr.float(0.9), epsilon: attr.float(1e-5) },
      { outputs: 3 },
    );
    next[`mean${i}`] = mean!;
    next[`var${i}`] = variance!;
    x = ops.builder.node('Relu', [y!]);
  }
  const pooled = ops.reshape(ops.builder.node('GlobalAveragePool', [x]), [BATCH, CONVOLUTIONS.at(-1)!.to]);
  return { embeddings: ops.unitRows(ops.matmul(pooled, 'head')), next };
}
