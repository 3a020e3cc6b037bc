// Fine-tuning the last blocks of a backbone against the best head on its frozen features, on classes that neither has seen.
// Prints one table. Not a test: it needs a data set and minutes to an hour of CPU.
//   node --import tsx bench/finetune.ts --data <furniture>/catalogue.csv [--train last:2] [--heads plda,whitening] [--seeds 1,2,3] [--threads 2]

import { parseArgs } from 'node:util';
import { readDataset } from '../src/dataset/read.ts';
import { splitClasses } from '../src/dataset/split.ts';
import { createEmbedder } from '../src/embed/pool.ts';
import { evaluateRetrieval } from '../src/metrics/retrieval.ts';
import { loadModel } from '../src/model/load.ts';
import { embed, type LinearMap } from '../training/baselines/linear-map.ts';
import { createMatmul } from '../training/baselines/matmul.ts';
import { extractFeatures } from '../training/features/extract.ts';
import { CROPS, FLIPS, PLAIN } from '../training/features/views.ts';
import { fineTune, openTuning } from '../training/finetune/fine-tune.ts';
import { fitClosedForm } from '../training/fit/closed-forms.ts';
import { openSpace, type Space, toMap } from '../training/fit/space.ts';
import { LOSSES } from '../training/losses/index.ts';

const { values: flags } = parseArgs({
  options: {
    data: { type: 'string' },
    label: { type: 'string', default: 'product_id' },
    backbone: { type: 'string', default: 'models/inception-v3' },
    cache: { type: 'string', default: '.cache' },
    train: { type: 'string', default: 'last:2' },
    loss: { type: 'string', default: 'pfml' },
    heads: { type: 'string', default: 'lda,plda,whitening' },
    views: { type: 'string', default: 'flips' },
    seeds: { type: 'string', default: '1,2,3' },
    epochs: { type: 'string', default: '8' },
    rates: { type: 'string', default: '0.0003' },
    'head-rate': { type: 'string', default: '0.3' },
    threads: { type: 'string', default: '2' },
  },
});
if (flags.data === undefined) throw new Error('usage: finetune.ts --data <catalogue.csv>');
const numbers = (text: string) => text.split(',').map(Number);
const threads = Number(flags.threads);
const views = { plain: [PLAIN], flips: FLIPS, crops: CROPS }[flags.views];
if (!views) throw new Error('--views: plain, flips or crops');
const loss = LOSSES[flags.loss]?.create();
if (!loss) throw new Error(`--loss: ${Object.keys(LOSSES).join(', ')}`);
const say = (text: string) => process.stderr.write(`\r${text.padEnd(78)}`);

const backbone = await loadModel({ directory: flags.backbone });
const inputs = backbone.manifest.dimension;
const dataset = await readDataset({ path: flags.data, label: flags.label });
const matmul = createMatmul({ threads });
const seconds = () => performance.now() / 1000;
const started = seconds();
const { rows, features } = await extractFeatures({
  rows: dataset.rows,
  ...{ cache: `${flags.cache}/features`, fingerprint: backbone.fingerprint, dimension: inputs },
  openEmbedder: () => createEmbedder({ directory: flags.backbone }),
  onProgress: ({ done, total }) => say(`features ${done}/${total}`),
});
const tuning = await openTuning({
  ...{ backbone, rows, train: flags.train, views, matmul, threads, cache: `${flags.cache}/activations` },
  onPlan: ({ missing, bytes, free }) =>
    console.error(
      `\r${missing} activations to compute: ${(bytes / 1e9).toFixed(2)} GB of ${(free / 1e9).toFixed(0)} free`,
    ),
  onProgress: ({ done, total }) => say(`activations ${done}/${total}`),
});
const cached = seconds();
const labels = rows.map((row) => row.label);

const rowsOf = (samples: readonly number[]) => {
  const some = new Float32Array(samples.length * inputs);
  samples.forEach((sample, i) => {
    some.set(features.subarray(sample * inputs, (sample + 1) * inputs), i * inputs);
  });
  return some;
};

/** The closed forms that `attractor train` starts from. */
const HEADS = (
  [
    ['LDA', 128],
    ['LDA', 256],
    ['PLDA', 512],
    ['whitening', 512],
  ] as const
)
  .filter(([form]) => flags.heads.split(',').includes(form.toLowerCase()))
  .flatMap(([form, dimension]) => [0.1, 0.3, 1, 3].map((shrinkage) => ({ form, dimension, shrinkage })));
const spaces = new Map<string, Promise<Space>>();
async function fitHead(kind: (typeof HEADS)[number], samples: readonly number[]): Promise<LinearMap> {
  const data = { features: rowsOf(samples), labels: samples.map((sample) => labels[sample]!) };
  const space = spaces.get(samples.join()) ?? openSpace({ data, inputs, matmul });
  spaces.set(samples.join(), space);
  return toMap(await space, await fitClosedForm(await space, { ...kind, matmul }), matmul);
}

async function score(vectors: Float32Array, samples: readonly number[]) {
  const queries = { vectors, labels: samples.map((sample) => labels[sample]!) };
  const dimension = vectors.length / samples.length;
  const report = await evaluateRetrieval({ dimension, queries, ks: [1], scores: matmul.scores });
  return { mapAtR: 100 * report.mapAtR.value, recallAt1: 100 * report.recall.get(1)!.value };
}
const scoreHead = async (map: LinearMap, samples: readonly number[]) =>
  score(await embed({ map, features: rowsOf(samples), matmul }), samples);

const table = [
  ['seed', 'head', 'rate', 'epoch', 'MAP@R head', 'tuned', 'gain', 'R@1 head', 'tuned', 's/step', 'min'],
];
const gains: number[] = [];
for (const seed of numbers(flags.seeds)) {
  const from = seconds();
  const test = splitClasses({ labels, fraction: 0.5, seed });
  const seen = labels.map((label, i) => (test.kept.includes(i) ? label : undefined));
  const inner = splitClasses({ labels: test.kept.map((i) => labels[i]!), fraction: 0.2, seed });
  const [kept, held] = [inner.kept, inner.held].map((part) => part.map((i) => test.kept[i]!)) as [
    number[],
    number[],
  ];
  // The best head: fitted without the validation classes, chosen on them, fitted again with them.
  let best = { kind: HEADS[0]!, mapAtR: 0 };
  for (const kind of HEADS) {
    say(`seed ${seed}: ${kind.form}`);
    const { mapAtR } = await scoreHead(await fitHead(kind, kept), held);
    if (mapAtR > best.mapAtR) best = { kind, mapAtR };
  }
  const head = await scoreHead(await fitHead(best.kind, test.kept), test.held);

  let steps = 0;
  const training = seconds();
  const result = await fineTune({
    ...{ tuning, labels: seen, seed, loss },
    head: (samples) => fitHead(best.kind, samples),
    ...{
      learningRates: numbers(flags.rates),
      headRate: Number(flags['head-rate']),
      epochs: Number(flags.epochs),
    },
    ...{ warmupEpochs: 1, classesPerBatch: 25, samplesPerClass: 4 },
    onStep: ({ stage, step, steps: all }) => {
      steps++;
      say(`seed ${seed}: ${stage}, step ${step}/${all}`);
    },
    onEpoch: ({ epoch, loss: mean, score: value }) =>
      console.error(
        `\rseed ${seed}: epoch ${epoch}, loss ${mean?.toFixed(4) ?? ''}, score ${value.toFixed(4)}`.padEnd(
          79,
        ),
      ),
  });
  const perStep = (seconds() - training) / steps;
  const tuned = await score(await result.embed(test.held), test.held);
  gains.push(tuned.mapAtR - head.mapAtR);
  const { learningRate, epoch } = result.chosen;
  table.push(
    [seed, `${best.kind.form} ${best.kind.shrinkage}`, learningRate, epoch].map(String).concat(
      [head.mapAtR, tuned.mapAtR, tuned.mapAtR - head.mapAtR, head.recallAt1, tuned.recallAt1].map((x) =>
        x.toFixed(1),
      ),
      perStep.toFixed(2),
      ((seconds() - from) / 60).toFixed(1),
    ),
  );
}
say('');
const widths = table[0]!.map((_, c) => Math.max(...table.map((row) => row[c]!.length)));
for (const row of table) console.log(row.map((cell, c) => cell.padStart(widths[c]!)).join('  '));
const average = gains.reduce((sum, gain) => sum + gain, 0) / gains.length;
const used = process.cpuUsage();
console.log(
  `${flags.train}, ${flags.loss}: mean gain ${average.toFixed(2)} MAP@R on ${gains.length} splits; activations ${((cached - started) / 60).toFixed(1)} min, all ${((seconds() - started) / 60).toFixed(1)} min, CPU ${((used.user + used.system) / 6e7).toFixed(1)} min`,
);
tuning.activations.close();
await matmul.release();
