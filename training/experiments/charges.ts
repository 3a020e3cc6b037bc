// Experiments on synthetic clusters: where a loss takes its proxies (do they cover the modes of their class, how far are they from
// its data), and what they cost as classes grow. No images, no race: every variant runs as it is written.

import { AttractorError } from '../../src/errors/error.ts';
import { gatherRows } from '../../src/math/gather.ts';
import { createRng, type Rng } from '../../src/math/rng.ts';
import { proxyReport } from '../../src/metrics/proxies.ts';
import { f32 } from '../../src/onnx/tensor.ts';
import { normaliseRows } from '../baselines/linear-map.ts';
import { createMatmul, type Matmul } from '../baselines/matmul.ts';
import { createOrtEngine } from '../engine/ort.ts';
import { inParts } from '../engine/partial.ts';
import { headNetwork } from '../graph/head.ts';
import type { Network } from '../graph/network.ts';
import { buildTrainingGraph } from '../graph/training-graph.ts';
import { LOSSES } from '../losses/index.ts';
import { ADAMW } from '../optim/optimizer.ts';
import { meansOf } from '../trainer/class-means.ts';
import type { ChargesExperiment } from './charges-schema.ts';
import { type Clusters, clusters } from './clusters.ts';
import { type CellsOptions, runCells } from './lines.ts';

/** What proxyReport says of the proxies after `step` steps, as means over the classes. */
export interface Look {
  readonly step: number;
  readonly w2: number;
  readonly modesCovered: number;
  readonly used: number;
  readonly siblingDistance: number;
  readonly sampleDistance: number;
}

export interface ChargesLine {
  readonly key: string;
  readonly variant: string;
  readonly classes: number;
  readonly seed: number;
  readonly loss: { readonly first: number; readonly last: number };
  /** Empty without proxies. */
  readonly looks: readonly Look[];
  /** CPU time of a step, median; and growth of the process in bytes at its largest. */
  readonly stepSeconds: number;
  readonly memory: number;
}

export interface RunChargesOptions extends CellsOptions {
  readonly experiment: ChargesExperiment;
  /** CPU time of the process in seconds, and its resident bytes. */
  readonly cpu: () => number;
  readonly memory: () => number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly phase: string; done: number; total: number }) => void;
}

/** Cells run now; those that the folder had already are not run again. Throws `aborted`. */
export async function runCharges(options: RunChargesOptions): Promise<number> {
  const { experiment, out, shard, onCell } = options;
  const { title: _, about: __, variants, classes, seeds, ...settings } = experiment;
  const cells = classes.flatMap((count) =>
    variants.flatMap((variant) => seeds.map((seed) => ({ variant, classes: count, seed }))),
  );
  const textOf = ({ variant, classes: count, seed }: Cell) =>
    `${variant.title}, ${count} classes, seed ${seed}`;
  const matmul = createMatmul({ threads: 1 });
  try {
    const run = (cell: Cell) => runCell(options, cell, matmul);
    return await runCells({ experiment, out, shard, cells, settings, textOf, onCell, run });
  } finally {
    await matmul.release();
  }
}

interface Cell {
  readonly variant: ChargesExperiment['variants'][number];
  readonly classes: number;
  readonly seed: number;
}

async function runCell(
  { experiment, cpu, memory, signal, onProgress }: RunChargesOptions,
  { variant, classes, seed }: Cell,
  matmul: Matmul,
): Promise<Omit<ChargesLine, 'key'>> {
  const { dimension, batch, steps, every, learningRate } = experiment;
  const before = memory();
  const data = clusters({ ...experiment, classes, seed });
  const rng = createRng(seed + 2 ** 20);
  const network = experiment.train === 'head' ? identityHead(dimension) : noNetwork(dimension);
  const loss = LOSSES[variant.loss]!.create(variant.options);
  const means = () => meansOf(data.features, data.labels, classes, dimension);
  const initialLoss = Object.fromEntries(
    loss.parameters({ classes, dimension }).map((one) => [one.name, one.initial({ rng, classMeans: means })]),
  );
  const size = batch.classes * batch.samples;
  const graph = buildTrainingGraph({ network, loss, batch: size, classes, initialLoss });
  // No decay: where charges go is up to the field.
  const engine = await inParts(createOrtEngine)({
    graph,
    optimizer: { ...ADAMW, weightDecay: 0 },
    threads: 1,
  });
  const looks: Look[] = [];
  const times: number[] = [];
  const losses: number[] = [];
  let most = 0;
  try {
    for (let step = 0; step <= steps; step++) {
      if (signal?.aborted) throw new AttractorError('aborted', 'The experiment was stopped');
      if (step % every === 0 || step === steps) {
        const { tensors } = engine.state();
        const proxies = tensors.get('proxies');
        if (proxies && proxies.length > 0)
          looks.push(
            await look({ step, data, proxies, head: tensors.get('head'), dimension, classes, matmul }),
          );
        onProgress?.({ phase: variant.title, done: step, total: steps });
      }
      if (step === steps) break;
      const drawn = draw(rng, data, classes, batch);
      const started = cpu();
      losses.push(await engine.step(feed(data, drawn, dimension), learningRate));
      times.push(cpu() - started);
      most = Math.max(most, memory() - before);
    }
  } finally {
    await engine.close();
  }
  const sorted = [...times].sort((a, b) => a - b);
  return {
    ...{ variant: variant.title, classes, seed, looks },
    loss: { first: losses[0]!, last: losses.at(-1)! },
    stepSeconds: sorted[Math.floor(sorted.length / 2)]!,
    memory: most,
  };
}

/** Embeddings are the features. */
const noNetwork = (dimension: number): Network => ({
  ...{ name: 'none', dimension, parameters: [] },
  inputs: (batch) => [{ name: 'features', type: 'float32', dims: [batch, dimension] }],
  build: (ops) => ({ embeddings: ops.unitRows('features') }),
});

function identityHead(dimension: number): Network {
  const initial = new Float32Array(dimension * dimension);
  for (let i = 0; i < dimension; i++) initial[i * dimension + i] = 1;
  return headNetwork({ dimensionIn: dimension, dimension, initial });
}

async function look(options: {
  step: number;
  data: Clusters;
  proxies: Float32Array;
  head: Float32Array | undefined;
  dimension: number;
  classes: number;
  matmul: Matmul;
}): Promise<Look> {
  const { step, data, proxies, head, dimension, classes, matmul } = options;
  const { features, labels, modes } = data;
  const samples = { data: features, rows: labels.length, columns: dimension };
  const embeddings = head
    ? await matmul.multiply(samples, { data: head, rows: dimension, columns: dimension })
    : undefined;
  const { mean } = proxyReport({
    embeddings: embeddings ? normaliseRows(embeddings, dimension) : features,
    proxies: normaliseRows(proxies.slice(), dimension),
    ...{ dimension, labels, modes, proxiesPerClass: proxies.length / (classes * dimension) },
  });
  const { w2, modesCovered, used, siblingDistance, sampleDistance } = mean;
  return { step, w2, modesCovered, used, siblingDistance, sampleDistance };
}

/** Samples of some classes, the same number of each. */
function draw(rng: Rng, { labels }: Clusters, classes: number, batch: { classes: number; samples: number }) {
  const each = labels.length / classes;
  const from = (count: number, some: number) =>
    rng.shuffle(Array.from({ length: count }, (_, i) => i)).slice(0, some);
  return from(classes, batch.classes).flatMap((label) =>
    from(each, batch.samples).map((i) => label * each + i),
  );
}

function feed({ features, labels }: Clusters, drawn: readonly number[], dimension: number) {
  const data = Int32Array.from(drawn, (sample) => labels[sample]!);
  return {
    features: f32([drawn.length, dimension], gatherRows(features, drawn, dimension)),
    labels: { type: 'int32' as const, dims: [drawn.length], data },
  };
}
