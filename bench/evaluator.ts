// Memory and time of the evaluator at catalogue size: made-up unit vectors in noisy classes, every query also in the
// gallery. Prints peak resident memory. Not a test of correctness.
//   node --import tsx bench/evaluator.ts [--gallery 450000] [--dimension 512] [--queries 2000] [--classes 45000] [--threads 1]

import { parseArgs } from 'node:util';
import { createRng } from '../src/math/rng.ts';
import { evaluateRetrieval } from '../src/metrics/retrieval.ts';
import { createMatmul } from '../training/baselines/matmul.ts';

const { values } = parseArgs({
  options: {
    gallery: { type: 'string', default: '450000' },
    dimension: { type: 'string', default: '512' },
    queries: { type: 'string', default: '2000' },
    classes: { type: 'string', default: '45000' },
    threads: { type: 'string', default: '1' },
  },
});
const [rows, dimension, queries, classes, threads] = [
  Number(values.gallery),
  Number(values.dimension),
  Number(values.queries),
  Number(values.classes),
  Number(values.threads),
];

const rng = createRng(1);
const vectors = new Float32Array(rows * dimension);
for (let row = 0; row < rows; row++) {
  // A class has 8 coordinates of its own that stand out of the noise, none stored anywhere.
  const at = row * dimension;
  const own = createRng(row % classes);
  for (let j = 0; j < dimension; j++) vectors[at + j] = rng.next() - 0.5;
  for (let j = 0; j < 8; j++) vectors[at + own.int(dimension)]! += 1.5;
  let square = 0;
  for (let j = 0; j < dimension; j++) square += vectors[at + j]! ** 2;
  const scale = 1 / Math.sqrt(square);
  for (let j = 0; j < dimension; j++) vectors[at + j]! *= scale;
}
const labels = Array.from({ length: rows }, (_, row) => String(row % classes));
const ids = Array.from({ length: rows }, (_, row) => `item ${row}`);
const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
const before = process.memoryUsage.rss();

const matmul = createMatmul({ threads });
const started = performance.now();
const report = await evaluateRetrieval({
  dimension,
  queries: {
    vectors: vectors.subarray(0, queries * dimension),
    labels: labels.slice(0, queries),
    ids: ids.slice(0, queries),
  },
  gallery: { vectors, labels, ids },
  scores: matmul.scores,
});
const seconds = (performance.now() - started) / 1000;
await matmul.release();
// ru_maxrss is in KiB on Linux and macOS alike under Node.
const peak = process.resourceUsage().maxRSS * 1024;
process.stdout.write(
  [
    `gallery ${rows} x ${dimension} (${gib(vectors.byteLength)}), ${queries} queries, ${classes} classes, ${threads} thread(s)`,
    `peak resident ${gib(peak)} (${gib(before)} before the evaluation)`,
    `${seconds.toFixed(1)} s, ${(queries / seconds).toFixed(0)} queries/s; all ${rows}: ${((rows * seconds) / queries / 3600).toFixed(1)} h`,
    `R@1 ${report.recall.get(1)!.value.toFixed(4)}, MAP@R ${report.mapAtR.value.toFixed(4)}`,
    '',
  ].join('\n'),
);
