// What a model loses, and gains, in 8-bit integers: retrieval in both precisions with the product's evaluator, then time in
// turns within one run, as CPU time of one thread. Prints one JSON object. Not a test.
//   node --import tsx bench/precision.ts --data <folder with catalogue.csv> [--model models/furniture] [--label product_id] [--rounds 6] [--take 1]

import { readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readDataset } from '../src/dataset/read.ts';
import type { DatasetRow } from '../src/dataset/row.ts';
import { createModelEmbedder } from '../src/embed/model-embedder.ts';
import { createEmbedder } from '../src/embed/pool.ts';
import { preprocess } from '../src/image/preprocess.ts';
import { evaluateRetrieval } from '../src/metrics/retrieval.ts';
import { loadModel, PRECISIONS, type Precision } from '../src/model/load.ts';
import { cpuHasVnni } from '../src/runtime/cpu.ts';
import { createMatmul } from '../training/baselines/matmul.ts';

const { values: flags } = parseArgs({
  options: {
    data: { type: 'string' },
    model: { type: 'string', default: 'models/furniture' },
    label: { type: 'string', default: 'product_id' },
    rounds: { type: 'string', default: '6' },
    take: { type: 'string', default: '1' },
  },
});
if (flags.data === undefined) throw new Error('--data: expected a folder with catalogue.csv');
const directory = flags.model;
const BATCH = 16;
const { rows: all } = await readDataset({ path: join(flags.data, 'catalogue.csv'), label: flags.label });
const rows = all.filter((_, i) => i % Number(flags.take) === 0);
const matmul = createMatmul({ threads: 1 });
const percent = (x: number) => Math.round(1e4 * x) / 100;

async function vectorsOf(precision: Precision): Promise<Float32Array> {
  const embedder = await createEmbedder({ directory, precision });
  const images = await Promise.all(rows.map(({ image }) => readFile(image)));
  const results = await embedder.embed({ images, priority: 'bulk' });
  await embedder.close();
  const vectors = new Float32Array(rows.length * embedder.dimension);
  for (const [i, result] of results.entries()) {
    if ('error' in result) throw result.error;
    vectors.set(result.vector, i * embedder.dimension);
  }
  return vectors;
}

async function quality(vectors: Float32Array, query: (row: DatasetRow) => boolean, gallery: typeof query) {
  const dimension = vectors.length / rows.length;
  const side = (keep: typeof query) => {
    const kept = [...rows.keys()].filter((i) => keep(rows[i]!));
    const own = new Float32Array(kept.length * dimension);
    for (const [at, i] of kept.entries()) {
      own.set(vectors.subarray(i * dimension, (i + 1) * dimension), at * dimension);
    }
    return { vectors: own, labels: kept.map((i) => rows[i]!.label), ids: kept.map((i) => rows[i]!.id) };
  };
  const report = await evaluateRetrieval({
    dimension,
    queries: side(query),
    gallery: side(gallery),
    scores: matmul.scores,
  });
  return {
    queries: report.queries,
    recallAt1: percent(report.recall.get(1)!.value),
    mapAtR: percent(report.mapAtR.value),
  };
}

const any = () => true;
const view = (least: number, most: number) => (row: DatasetRow) =>
  Number(row.attributes.view) >= least && Number(row.attributes.view) <= most;
const found: Record<string, Record<string, unknown>> = {};
const vectors = new Map<Precision, Float32Array>();
for (const precision of PRECISIONS) {
  const own = await vectorsOf(precision);
  vectors.set(precision, own);
  found[precision] = {
    fingerprint: (await loadModel({ directory, precision })).fingerprint,
    all: await quality(own, any, any),
    newViews: await quality(own, view(7, 9), view(0, 6)),
  };
}
await matmul.release();

const model = await loadModel({ directory });
const { contract, size } = {
  contract: model.manifest.preprocess,
  size: 3 * model.manifest.preprocess.height * model.manifest.preprocess.width,
};
const tensors = new Float32Array(BATCH * size);
for (let i = 0; i < BATCH; i++) {
  const { image } = rows[Math.floor((i * rows.length) / BATCH)]!;
  tensors.set(await preprocess({ bytes: await readFile(image), contract }), i * size);
}
const embedders = new Map(
  await Promise.all(
    PRECISIONS.map(
      async (precision) =>
        [
          precision,
          await createModelEmbedder({ model: await loadModel({ directory, precision }), threads: 1 }),
        ] as const,
    ),
  ),
);
const times: Record<Precision, number[]> = { fp32: [], int8: [] };
for (let round = -1; round < Number(flags.rounds); round++) {
  for (const [precision, embedder] of embedders) {
    const before = process.cpuUsage();
    for (let i = 0; i < BATCH; i++) {
      await embedder.embedTensors({ tensors: tensors.subarray(i * size, (i + 1) * size), count: 1 });
    }
    const { user, system } = process.cpuUsage(before);
    if (round >= 0) times[precision].push((user + system) / 1000 / BATCH);
  }
}
const median = (list: number[]) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)]!;
const cpuMs = { fp32: median(times.fp32), int8: median(times.int8) };
const dimension = vectors.get('fp32')!.length / rows.length;
const cosines = rows.map((_, i) => {
  let sum = 0;
  for (let d = i * dimension; d < (i + 1) * dimension; d++) {
    sum += vectors.get('fp32')![d]! * vectors.get('int8')![d]!;
  }
  return sum;
});
console.log(
  JSON.stringify(
    {
      machine: { cpu: cpus()[0]?.model, cores: cpus().length, vnni: cpuHasVnni(), node: process.version },
      model: { directory, images: rows.length, classes: new Set(rows.map(({ label }) => label)).size },
      ...found,
      cosine: { mean: cosines.reduce((a, b) => a + b, 0) / rows.length, least: Math.min(...cosines) },
      cpuMsPerImage: cpuMs,
      faster: cpuMs.fp32 / cpuMs.int8,
    },
    null,
    2,
  ),
);
for (const embedder of embedders.values()) await embedder.close();
