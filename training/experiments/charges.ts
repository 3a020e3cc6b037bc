// Experiments on synthetic clusters: where a loss takes its proxies (do they cover the modes of their class, how far are they from
// its data), and what they cost as classes grow. No images, no race: every variant runs as it is written.

import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { AttractorError, invalid } from '../../src/errors/error.ts';
import { createRng, type Rng } from '../../src/math/rng.ts';
import { proxyReport } from '../../src/metrics/proxies.ts';
import { f32 } from '../../src/onnx/tensor.ts';
import { normaliseRows } from '../baselines/linear-map.ts';
import { createOrtEngine } from '../engine/ort.ts';
import { inParts } from '../engine/partial.ts';
import { headNetwork } from '../graph/head.ts';
import type { Network } from '../graph/network.ts';
import { buildTrainingGraph } from '../graph/training-graph.ts';
import { LOSSES } from '../losses/index.ts';
import { ADAMW } from '../optim/optimizer.ts';
import { type Clusters, clusters } from './clusters.ts';
import { openLines, readLines } from './lines.ts';

const many = z.array(z.int().min(1)).min(1);
const settings = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));

const schema = z.strictObject({
  kind: z.literal('charges'),
  title: z.string().min(1),
  about: z.string().min(1),
  variants: z.array(z.strictObject({ title: z.string(), loss: z.string(), options: settings })).min(1),
  /** What learns: the proxies alone, or a linear head with them. */
  train: z.enum(['proxies', 'head']),
  classes: many,
  seeds: many,
  modes: z.int().min(1).default(5),
  samplesPerMode: z.int().min(1).default(8),
  dimension: z.int().min(2).default(128),
  modeSpread: z.number().min(0).default(0.75),
  sampleSpread: z.number().min(0).default(0.3),
  batch: z
    .strictObject({ classes: z.int().min(1), samples: z.int().min(1) })
    .default({ classes: 25, samples: 4 }),
  steps: z.int().min(1).default(400),
  /** Steps between two looks. */
  every: z.int().min(1).default(50),
  learningRate: z.number().positive().default(1e-4),
});

export type ChargesExperiment = z.infer<typeof schema>;

export const isCharges = (json: unknown): boolean => (json as { kind?: unknown } | null)?.kind === 'charges';

/** Throws `invalid_argument` naming the field. */
export function parseCharges(json: unknown): ChargesExperiment {
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalid(issue!.path.join('.') || 'experiment', issue!.message, 'something else');
  }
  const experiment = parsed.data;
  for (const { loss, options } of experiment.variants) {
    if (!Object.hasOwn(LOSSES, loss)) throw invalid('loss', `one of ${Object.keys(LOSSES).join(', ')}`, loss);
    LOSSES[loss]!.create(options);
  }
  const least = Math.min(...experiment.classes);
  const { batch, modes, samplesPerMode } = experiment;
  if (batch.classes > least) throw invalid('batch.classes', `at most the ${least} classes`, batch.classes);
  const each = modes * samplesPerMode;
  if (batch.samples > each) throw invalid('batch.samples', `at most the ${each} of a class`, batch.samples);
  return experiment;
}

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

export interface RunChargesOptions {
  readonly experiment: ChargesExperiment;
  readonly out: string;
  readonly shard?: { readonly at: number; readonly of: number };
  /** CPU time of the process in seconds, and its resident bytes. */
  readonly cpu: () => number;
  readonly memory: () => number;
  readonly signal?: AbortSignal;
  readonly onCell?: (cell: { readonly key: string; readonly at: number; readonly of: number }) => void;
  readonly onProgress?: (progress: { readonly phase: string; done: number; total: number }) => void;
}

/** Cells run now; those that the folder had already are not run again. Throws `aborted`. */
export async function runCharges(options: RunChargesOptions): Promise<number> {
  const { experiment, out, shard = { at: 1, of: 1 }, onCell } = options;
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'experiment.json'), `${JSON.stringify(experiment, null, 2)}\n`);
  const file = openLines(out, shard.at);
  const known = new Set(readLines<ChargesLine>(out).map(({ key }) => key));
  const { title: _, about: __, variants, classes, seeds, ...rest } = experiment;
  const cells = classes.flatMap((count) =>
    variants.flatMap((variant) => seeds.map((seed) => ({ variant, classes: count, seed }))),
  );
  const own = cells.filter((_cell, i) => i % shard.of === shard.at - 1);
  let run = 0;
  for (const [i, cell] of own.entries()) {
    const digest = createHash('sha256')
      .update(JSON.stringify([rest, cell]))
      .digest('hex');
    const key = digest.slice(0, 16);
    if (known.has(key)) continue;
    const { variant, seed } = cell;
    onCell?.({ key: `${variant.title}, ${cell.classes} classes, seed ${seed}`, at: i + 1, of: own.length });
    const line: ChargesLine = { key, ...(await runCell(options, cell)) };
    appendFileSync(file, `${JSON.stringify(line)}\n`);
    run++;
  }
  return run;
}

interface Cell {
  readonly variant: ChargesExperiment['variants'][number];
  readonly classes: number;
  readonly seed: number;
}

async function runCell(
  { experiment, cpu, memory, signal, onProgress }: RunChargesOptions,
  { variant, classes, seed }: Cell,
): Promise<Omit<ChargesLine, 'key'>> {
  const { dimension, batch, steps, every, learningRate } = experiment;
  const before = memory();
  const data = clusters({ ...experiment, classes, seed });
  const rng = createRng(seed + 2 ** 20);
  const network = experiment.train === 'head' ? identityHead(dimension) : noNetwork(dimension);
  const loss = LOSSES[variant.loss]!.create(variant.options);
  const means = () => classMeans(data, classes, dimension);
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
          looks.push(look(step, data, proxies, tensors.get('head'), dimension, classes));
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

function look(
  step: number,
  { features, labels, modes }: Clusters,
  proxies: Float32Array,
  head: Float32Array | undefined,
  dimension: number,
  classes: number,
): Look {
  const { mean } = proxyReport({
    embeddings: head ? normaliseRows(product(features, head, dimension), dimension) : features,
    proxies: normaliseRows(proxies.slice(), dimension),
    ...{ dimension, labels, modes, proxiesPerClass: proxies.length / (classes * dimension) },
  });
  const { w2, modesCovered, used, siblingDistance, sampleDistance } = mean;
  return { step, w2, modesCovered, used, siblingDistance, sampleDistance };
}

function product(rows: Float32Array, head: Float32Array, dimension: number): Float32Array {
  const made = new Float32Array(rows.length);
  for (let row = 0; row < rows.length; row += dimension) {
    for (let i = 0; i < dimension; i++) {
      const x = rows[row + i]!;
      for (let k = 0; k < dimension; k++) made[row + k]! += x * head[i * dimension + k]!;
    }
  }
  return made;
}

function classMeans({ features, labels }: Clusters, classes: number, dimension: number): Float32Array {
  const sums = new Float32Array(classes * dimension);
  for (const [sample, label] of labels.entries()) {
    for (let k = 0; k < dimension; k++) sums[label * dimension + k]! += features[sample * dimension + k]!;
  }
  return normaliseRows(sums, dimension);
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
  const rows = new Float32Array(drawn.length * dimension);
  drawn.forEach((sample, i) => {
    rows.set(features.subarray(sample * dimension, (sample + 1) * dimension), i * dimension);
  });
  const data = Int32Array.from(drawn, (sample) => labels[sample]!);
  return {
    features: f32([drawn.length, dimension], rows),
    labels: { type: 'int32' as const, dims: [drawn.length], data },
  };
}
