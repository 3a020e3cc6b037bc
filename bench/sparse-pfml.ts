// PFML on as many classes as Stanford Online Products trains on: time and memory of a step in the sparse form, a linear head or
// the embeddings themselves as features. The samples of a class lie around a centre; the proxies start at random or there.
//   node --expose-gc --import tsx bench/sparse-pfml.ts [--classes 11318] [--proxies 15] [--width 2048] [--dimension 512]
//     [--steps 20] [--threads 2] [--preset paper] [--init random|class-mean] [--rate 1e-4] [--all (not lazy)]

import { parseArgs } from 'node:util';
import { createRng } from '../src/math/rng.ts';
import { f32 } from '../src/onnx/tensor.ts';
import { createOrtEngine } from '../training/engine/ort.ts';
import { inParts } from '../training/engine/partial.ts';
import { headNetwork } from '../training/graph/head.ts';
import { buildTrainingGraph } from '../training/graph/training-graph.ts';
import { potentialField } from '../training/losses/potential-field.ts';
import { ADAMW } from '../training/optim/optimizer.ts';

const { values } = parseArgs({
  options: {
    classes: { type: 'string', default: '11318' },
    proxies: { type: 'string', default: '15' },
    width: { type: 'string', default: '2048' },
    dimension: { type: 'string', default: '512' },
    steps: { type: 'string', default: '20' },
    threads: { type: 'string', default: '2' },
    preset: { type: 'string', default: 'paper' },
    init: { type: 'string', default: 'random' },
    rate: { type: 'string', default: '1e-4' },
    all: { type: 'boolean', default: false },
  },
});
const number = (name: 'classes' | 'proxies' | 'width' | 'dimension' | 'steps' | 'threads' | 'rate') =>
  Number(values[name]);
const [classes, proxies, width, dimension] = (['classes', 'proxies', 'width', 'dimension'] as const).map(
  number,
) as [number, number, number, number];
const [ofBatch, samples] = [32, 4];
const batch = ofBatch * samples;
const rng = createRng(1);
const started = performance.now();
const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`;
const memory = () => `${(process.memoryUsage().rss / 2 ** 30).toFixed(2)} GiB resident`;
let peak = 0;
const watch = () => {
  peak = Math.max(peak, process.memoryUsage().rss);
};
const timer = setInterval(watch, 20);

/** Rows of unit length around `centre`, or anywhere. */
function rows(count: number, length: number, centre?: (row: number) => Float32Array): Float32Array {
  const made = new Float32Array(count * length);
  for (let i = 0; i < count; i++) {
    const at = centre?.(i);
    let squares = 0;
    for (let k = 0; k < length; k++) {
      const x = rng.normal() * (at ? 0.5 / Math.sqrt(length) : 1) + (at?.[k] ?? 0);
      made[i * length + k] = x;
      squares += x * x;
    }
    for (let k = 0; k < length; k++) made[i * length + k]! /= Math.sqrt(squares);
  }
  return made;
}

const centres = rows(classes, width);
const centre = (label: number) => centres.subarray(label * width, (label + 1) * width);
const head = new Float32Array(width * dimension);
for (let i = 0; i < head.length; i++) {
  head[i] = width === dimension ? Number(i % (dimension + 1) === 0) : rng.normal() / Math.sqrt(width);
}
const network = headNetwork({ dimensionIn: width, dimension, initial: head });
const loss = potentialField({
  ...{ preset: values.preset as 'paper', proxiesPerClass: proxies, lazyProxies: !values.all, form: 'sparse' },
  proxyInit: values.init as 'random',
});
/** The centres under the head: its product with each, and unit length. */
const classMeans = () => {
  const means = new Float32Array(classes * dimension);
  for (let c = 0; c < classes; c++) {
    const row = means.subarray(c * dimension, (c + 1) * dimension);
    const from = centre(c);
    for (let i = 0; i < width; i++)
      for (let k = 0; k < dimension; k++) row[k]! += from[i]! * head[i * dimension + k]!;
    const length = Math.hypot(...row);
    for (let k = 0; k < dimension; k++) row[k]! /= length;
  }
  return means;
};
const declared = loss.parameters({ classes, dimension });
const initialLoss = Object.fromEntries(declared.map((one) => [one.name, one.initial({ rng, classMeans })]));
process.stdout.write(
  `proxies ${(classes * proxies * dimension * 4) / 1e6} MB made, ${seconds()}, ${memory()}\n`,
);

const graph = buildTrainingGraph({ network, loss, batch, classes, initialLoss });
const engine = await inParts(createOrtEngine)({ graph, optimizer: ADAMW, threads: number('threads') });
const order = rng.shuffle(Int32Array.from({ length: classes }, (_, c) => c));
const times: number[] = [];
for (let step = 0; step < number('steps'); step++) {
  const chosen = Array.from({ length: ofBatch }, (_, i) => order[(step * ofBatch + i) % classes]!);
  const labels = Int32Array.from({ length: batch }, (_, i) => chosen[Math.floor(i / samples)]!);
  const features = rows(batch, width, (i) => centre(labels[i]!));
  const before = performance.now();
  const value = await engine.step(
    { features: f32([batch, width], features), labels: { type: 'int32', dims: [batch], data: labels } },
    number('rate'),
  );
  times.push(performance.now() - before);
  watch();
  process.stdout.write(
    `step ${step + 1}: ${times.at(-1)!.toFixed(0)} ms, loss ${value.toPrecision(6)}, ${memory()}\n`,
  );
}
clearInterval(timer);
await engine.close();
// The first steps open sessions and fill the screen.
const later = times.slice(Math.min(3, times.length - 1)).sort((a, b) => a - b);
process.stdout.write(
  `${classes} classes x ${proxies} x ${dimension}-d, batch ${batch}, features ${width}-d, ${values.all ? 'all' : 'lazy'} proxies: ` +
    `median ${later[Math.floor(later.length / 2)]!.toFixed(0)} ms, slowest ${later.at(-1)!.toFixed(0)} ms a step, ` +
    `first ${times[0]!.toFixed(0)} ms; peak ${(peak / 2 ** 30).toFixed(2)} GiB resident\n`,
);
