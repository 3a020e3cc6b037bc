// One training step against Debian's PyTorch: same numbers in, same mathematics, same threads, in turns within one run. Not a test.
//   node --import tsx bench/train-step.ts [--task head] [--threads 1,2] [--rounds 12] [--steps 5]
// Needs `apt-get install python3-torch` (or --python); without it only our side is measured.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createOrtEngine } from '../training/engine/ort.ts';
import { buildTrainingGraph } from '../training/graph/training-graph.ts';
import { ADAMW } from '../training/optim/optimizer.ts';
import { TASKS } from './train-step-tasks.ts';

const { values } = parseArgs({
  options: {
    task: { type: 'string', default: 'head' },
    threads: { type: 'string', default: '1,2' },
    rounds: { type: 'string', default: '12' },
    steps: { type: 'string', default: '5' },
    python: { type: 'string', default: '/usr/bin/python3' },
  },
});
const [rounds, steps] = [Number(values.rounds), Number(values.steps)];
const task = TASKS[values.task as keyof typeof TASKS]();
// Small, so that the loss stays away from 0: denormal numbers would be timed instead.
const learningRate = 1e-5;

/** Milliseconds of every step. */
interface Times {
  wall: number[];
  cpu: number[];
  loss: number[];
}

const folder = await mkdtemp(join(tmpdir(), 'attractor-bench-'));
try {
  await writeData(folder);
  for (const threads of values.threads.split(',').map(Number)) await compare(threads);
} finally {
  await rm(folder, { recursive: true });
}

async function compare(threads: number): Promise<void> {
  const { network, loss, classes, labels, proxies, batch } = task;
  const engine = await createOrtEngine({
    graph: buildTrainingGraph({ network, loss, batch: labels.length, classes, initialLoss: { proxies } }),
    optimizer: ADAMW,
    threads,
  });
  const ours = async (count: number): Promise<Times> => {
    const times: Times = { wall: [], cpu: [], loss: [] };
    for (let i = 0; i < count; i++) {
      const [started, used] = [performance.now(), process.cpuUsage()];
      times.loss.push(await engine.step(batch, learningRate));
      times.wall.push(performance.now() - started);
      const { user, system } = process.cpuUsage(used);
      times.cpu.push((user + system) / 1e3);
    }
    return times;
  };
  const peer = await openPeer(threads);
  const all = { ours: emptyTimes(), torch: emptyTimes() };
  // The first round warms both up.
  for (let round = 0; round <= rounds; round++) {
    for (const [name, run] of Object.entries({ ours, ...(peer && { torch: peer.run }) })) {
      await pause(50);
      const times = await run(steps);
      const to = all[name as keyof typeof all];
      to.loss.push(...times.loss);
      if (round > 0) {
        to.wall.push(...times.wall);
        to.cpu.push(...times.cpu);
      }
    }
  }
  await Promise.all([engine.close(), peer?.close()]);
  report(threads, all);
}

function report(threads: number, { ours, torch }: { ours: Times; torch: Times }): void {
  const line = (name: string, pick: (times: number[]) => number) => {
    const [a, b] = [ours, torch].map(({ wall, cpu }) => ({ wall: pick(wall), cpu: pick(cpu) }));
    const ratio = (x: number, y: number) =>
      Number.isNaN(y) ? '' : `  torch ${y.toFixed(1)}  ours/torch ${(x / y).toFixed(2)}`;
    return `  ${name}: wall ours ${a!.wall.toFixed(1)}${ratio(a!.wall, b!.wall)} | cpu ours ${a!.cpu.toFixed(1)}${ratio(a!.cpu, b!.cpu)}`;
  };
  console.log(`${values.task}, ${threads} thread(s), ${ours.wall.length} steps, ms per step`);
  console.log(line('median', (times) => times.toSorted((a, b) => a - b)[times.length >> 1] ?? Number.NaN));
  console.log(line('lowest', (times) => (times.length === 0 ? Number.NaN : Math.min(...times))));
  if (torch.loss.length === 0) return;
  const apart = ours.loss.map((value, i) => Math.abs(value / torch.loss[i]! - 1));
  console.log(
    `  loss of step 1: ${ours.loss[0]!.toFixed(6)} and ${torch.loss[0]!.toFixed(6)}; of the last: ${ours.loss.at(-1)!.toFixed(6)} and ${torch.loss.at(-1)!.toFixed(6)}; largest relative difference ${Math.max(...apart).toExponential(1)}`,
  );
}

function emptyTimes(): Times {
  return { wall: [], cpu: [], loss: [] };
}

async function openPeer(threads: number) {
  const script = join(import.meta.dirname, 'train_step.py');
  const environment = { ...process.env, OMP_NUM_THREADS: `${threads}`, OPENBLAS_NUM_THREADS: `${threads}` };
  const child = spawn(values.python, [script, folder, values.task, `${threads}`], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: environment,
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let complaint = '';
  child.stderr.on('data', (text) => {
    complaint += text;
  });
  const exited = once(child, 'exit').catch(() => undefined);
  if ((await lines.next()).value !== 'ready') {
    console.log(`no PyTorch behind ${values.python}: ${complaint.trim().split('\n').at(-1)}`);
    return undefined;
  }
  return {
    async run(count: number): Promise<Times> {
      child.stdin.write(`${count}\n`);
      const { value } = await lines.next();
      if (value === undefined) throw new Error(`the peer ended: ${complaint}`);
      return JSON.parse(value) as Times;
    },
    async close() {
      child.stdin.end();
      await exited;
    },
  };
}

/** Every tensor as raw float32, and a JSON file that says what they are. */
async function writeData(to: string): Promise<void> {
  const { network, loss, labels, proxies, input, layers = [] } = task;
  const buffers = network.buffers ?? [];
  const tensors = [
    ...network.parameters.map(({ name, dims, initial }) => ({ name, dims, data: initial })),
    ...buffers.map(({ name, dims, initial }) => ({ name, dims, data: initial })),
    { name: 'proxies', dims: [proxies.length / network.dimension, network.dimension], data: proxies },
    { name: 'input', dims: input.dims, data: input.data as Float32Array },
  ];
  for (const { name, data } of tensors) await writeFile(join(to, `${name}.f32`), data);
  const spec = {
    tensors: Object.fromEntries(tensors.map(({ name, dims }) => [name, dims])),
    network: network.parameters.map(({ name }) => name),
    buffers: buffers.map(({ name }) => name),
    labels: Array.from(labels),
    proxiesPerClass: loss.options.proxiesPerClass,
    loss: loss.options,
    layers,
    learningRate,
    weightDecay: ADAMW.weightDecay,
  };
  await writeFile(join(to, 'spec.json'), JSON.stringify(spec));
}
