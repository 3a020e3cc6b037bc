// One cell of an experiment on synthetic clusters: a variant learns for some steps; where its proxies are, and what a step took. Its
// process is charges-child.ts's.

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
import type { Progress } from '../prepare.ts';
import { meansOf } from '../trainer/class-means.ts';
import type { ChargesExperiment } from './charges-schema.ts';
import { type Clusters, clusters } from './clusters.ts';

/** What proxyReport says of the proxies after `step` steps, as means over the classes. */
export interface Look {
  readonly step: number;
  readonly w2: number;
  readonly modesCovered: number;
  readonly used: number;
  readonly siblingDistance: number;
  readonly sampleDistance: number;
}

export interface CellLine {
  readonly variant: string;
  readonly classes: number;
  readonly seed: number;
  readonly loss: { readonly first: number; readonly last: number };
  /** Empty without proxies. */
  readonly looks: readonly Look[];
  /** CPU time of a step, median; and what the process grew by from the made data on, in bytes at its largest. */
  readonly stepSeconds: number;
  readonly memory: number;
}

export interface Cell {
  readonly variant: ChargesExperiment['variants'][number];
  readonly classes: number;
  readonly seed: number;
}

/** Throws what engines throw. */
export async function runCell(options: {
  experiment: ChargesExperiment;
  cell: Cell;
  /** CPU time of the process in seconds; its resident bytes, now and at most so far. */
  cpu: () => number;
  memory: () => { now: number; peak: number };
  onProgress?: (progress: Progress) => void;
}): Promise<CellLine> {
  const { experiment, cpu, memory, onProgress } = options;
  const { variant, classes, seed } = options.cell;
  const { dimension, batch, steps, every, learningRate } = experiment;
  const data = clusters({ ...experiment, classes, seed });
  const before = memory().now;
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
  const matmul = createMatmul({ threads: 1 });
  const looks: Look[] = [];
  const lookAt = async (step: number) => {
    const { tensors } = engine.state();
    const proxies = tensors.get('proxies');
    if (proxies && proxies.length > 0)
      looks.push(await look({ step, data, proxies, head: tensors.get('head'), dimension, classes, matmul }));
  };
  const times: number[] = [];
  const losses: number[] = [];
  let most: number;
  try {
    for (let step = 0; step < steps; step++) {
      onProgress?.({ phase: variant.title, done: step, total: steps });
      // A look takes memory too: where none is wanted on the way, what is measured is the steps alone.
      if (step % every === 0 && every < steps) await lookAt(step);
      const drawn = draw(rng, data, classes, batch);
      const started = cpu();
      losses.push(await engine.step(feed(data, drawn, dimension), learningRate));
      times.push(cpu() - started);
    }
    most = memory().peak - before;
    await lookAt(steps);
  } finally {
    await engine.close();
    await matmul.release();
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
