// Feature extraction (files read, decoded, embedded by child processes, cached) against onnxruntime alone on the same tensors, in turns
// within one run. Not a test.
//   node --import tsx bench/extract.ts --images <folder> [--count 160] [--rounds 4] [--model models/inception-v3]

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createEmbedder } from '../src/embed/pool.ts';
import { preprocess } from '../src/image/preprocess.ts';
import { loadModel } from '../src/model/load.ts';
import { f32 } from '../src/onnx/tensor.ts';
import { openSession } from '../src/runtime/session.ts';
import { extractFeatures } from '../training/features/extract.ts';

const { values } = parseArgs({
  options: {
    images: { type: 'string' },
    count: { type: 'string', default: '160' },
    rounds: { type: 'string', default: '4' },
    model: { type: 'string', default: 'models/inception-v3' },
  },
});
if (values.images === undefined) throw new Error('--images: expected a folder of images');
const [count, rounds, directory] = [Number(values.count), Number(values.rounds), values.model];
const { graph, manifest, fingerprint } = await loadModel({ directory });
const { width, height } = manifest.preprocess;
const pictures = (await readdir(values.images, { recursive: true }))
  .filter((name) => /\.(png|jpe?g|webp)$/i.test(name))
  .sort()
  .slice(0, count)
  .map((name) => join(values.images!, name));
const rows = pictures.map((image, line) => ({
  line,
  id: image,
  label: 'x',
  image,
  tags: [],
  attributes: {},
}));

const size = 3 * height * width;
const pixels = new Float32Array(rows.length * size);
for (const [i, image] of pictures.entries()) {
  pixels.set(await preprocess({ bytes: await readFile(image), contract: manifest.preprocess }), i * size);
}

/** Images a second. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (1000 * rows.length) / (performance.now() - started);
}

const RAW_BATCHES = [2, 8, 32];
const session = await openSession({ model: graph, threads: availableParallelism() });
const input = session.inputs[0]!.name;
const raw = (batch: number) => async () => {
  for (let start = 0; start < rows.length; start += batch) {
    const end = Math.min(rows.length, start + batch);
    const data = pixels.subarray(start * size, end * size);
    await session.run({ [input]: f32([end - start, 3, height, width], data) });
  }
};

const embedder = await createEmbedder({ directory, maxBulkBatch: 8 });
const kept = { ...embedder, close: async () => {} };
const ours = async () => {
  const cache = await mkdtemp(join(tmpdir(), 'attractor-extract-'));
  try {
    await extractFeatures({
      ...{ rows, cache, fingerprint, dimension: manifest.dimension },
      openEmbedder: async () => kept,
    });
  } finally {
    await rm(cache, { recursive: true });
  }
};

const found = new Map<string, number[]>();
const note = (name: string, rate: number) => found.set(name, [...(found.get(name) ?? []), rate]);
await raw(2)();
await ours();
for (let round = 0; round < rounds; round++) {
  note('extraction', await timed(ours));
  for (const batch of RAW_BATCHES) note(`onnxruntime, batches of ${batch}`, await timed(raw(batch)));
}
await embedder.close();
await session.release();
const best = (name: string) => Math.max(...found.get(name)!);
const median = (name: string) => found.get(name)!.sort((a, b) => a - b)[Math.floor(rounds / 2)]!;
for (const name of found.keys()) {
  console.log(
    `${name.padEnd(28)} ${median(name).toFixed(1)} images/s median, ${best(name).toFixed(1)} best; extraction is ${((100 * best('extraction')) / best(name)).toFixed(0)} % of it (best), ${((100 * median('extraction')) / median(name)).toFixed(0)} % (median)`,
  );
}
