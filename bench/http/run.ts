// The real server under load, on loopback: what HTTP adds to a query, what it leaves of the embedder's throughput, vector
// queries on one core, overload, an import beside queries. Prints one JSON object with the machine. Not a test.
//   node --import tsx bench/http/run.ts [--folder <kept between runs>] [--items 100000] [--model furniture] [--precision fp32]
//     [--photos <folder of JPEGs>] [--side 800] [--seconds 8] [--rounds 3] [--only latency,throughput,vectors,overload,import]

import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import autocannon from 'autocannon';
import { createModelEmbedder } from '../../src/embed/model-embedder.ts';
import { createEmbedder } from '../../src/embed/pool.ts';
import { loadModel, type Precision } from '../../src/model/load.ts';
import { type Answer, Client, jsonCall, photoQuery, spread } from './load.ts';
import { COLLECTION, cpuOf, MODELS, type Photo, prepare, readPhotos, type Served, serve } from './setup.ts';

const { values: flags } = parseArgs({
  options: {
    folder: { type: 'string' },
    items: { type: 'string', default: '100000' },
    model: { type: 'string', default: 'furniture' },
    precision: { type: 'string', default: 'fp32' },
    processes: { type: 'string', default: String(Math.min(4, availableParallelism())) },
    photos: { type: 'string', default: join(import.meta.dirname, '../../examples/furniture/samples') },
    side: { type: 'string', default: '800' },
    seconds: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: 'latency,throughput,vectors,overload,import' },
  },
});
const folder = flags.folder ?? (await mkdtemp(join(tmpdir(), 'attractor-bench-http-')));
const options = {
  folder,
  items: Number(flags.items),
  model: flags.model,
  precision: flags.precision as Precision,
  processes: Number(flags.processes),
};
const [ms, rounds] = [1000 * Number(flags.seconds), Number(flags.rounds)];
const directory = join(MODELS, options.model);
const QUERY = `/v1/collections/${COLLECTION}/query`;
const CLIENTS = 4 * options.processes;
/** Queries after which the server's code is compiled: the first ones take its process more than twice as long. */
const WARM = 4000;
const say = (text: string) => process.stderr.write(`${text}\n`);
const median = (list: readonly number[]) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!;

say('the collection');
const { queries, dimension } = await prepare(options);
const photos = await readPhotos({ folder: flags.photos, side: Number(flags.side) });
const calls = photos.map(({ bytes }) => photoQuery(`${QUERY}?limit=10`, bytes));
const ok = (answers: readonly Answer[]): number[] => {
  const bad = answers.find(({ status }) => status !== 200);
  if (bad) throw new Error(`a query was answered with ${bad.status}`);
  return answers.map((answer) => answer.ms);
};

/** One client; each query beside the same photo decoded and embedded in this process, in turns. */
async function latency({ url }: Served) {
  const model = await createModelEmbedder({
    model: await loadModel({ directory, precision: options.precision }),
  });
  const client = new Client(url);
  const [http, alone]: [number[], number[]] = [[], []];
  const end = performance.now() + rounds * ms;
  for (let i = -10; performance.now() < end; i++) {
    const at = (i + 10) % photos.length;
    const answer = await client.send(calls[at]!);
    const began = performance.now();
    await model.embedImages({ images: [photos[at]!.bytes] });
    const took = performance.now() - began;
    if (i < 0) continue;
    http.push(...ok([answer]));
    alone.push(took);
  }
  await model.close();
  client.close();
  const [over, under] = [spread(http), spread(alone)];
  return {
    http: over,
    decodeAndModel: under,
    addedP50: Math.round(100 * (over.p50 - under.p50)) / 100,
    goal: 'at most 5',
  };
}

/**
 * Queries at saturation, and the embedder alone with as many requests in flight, in turns. `cpuShare` is the same from
 * processor time, without the clients': what the embedder takes for an image of what the whole server takes for a query.
 */
async function throughput({ url, pid }: Served) {
  const { precision, processes } = options;
  const embedder = await createEmbedder({ directory, precision, processes });
  const client = new Client(url);
  const inTurns = async (of: number, work: () => Promise<number>) => {
    const [before, began] = [await cpuOf(of), performance.now()];
    const done = await work();
    const [after, took] = [await cpuOf(of), performance.now() - began];
    return {
      perSecond: (1000 * done) / took,
      ownMs: (after.own - before.own) / done,
      childrenMs: (after.children - before.children) / done,
    };
  };
  const embed = async () => {
    let [done, next] = [0, 0];
    const end = performance.now() + ms;
    const one = async () => {
      for (; performance.now() < end; done++) {
        await embedder.embed({ images: [photos[next++ % photos.length]!.bytes] });
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, one));
    return done;
  };
  const ask = async () => ok(await client.closed({ calls, clients: CLIENTS, ms })).length;
  for (let asked = 0; asked < WARM; ) asked += await ask();
  const [raw, http] = [[], []] as Awaited<ReturnType<typeof inTurns>>[][];
  for (let round = 0; round < rounds; round++) {
    raw!.push(await inTurns(process.pid, embed));
    http!.push(await inTurns(pid, ask));
  }
  await embedder.close();
  client.close();
  const middle = (list: typeof raw, of: 'perSecond' | 'ownMs' | 'childrenMs') =>
    median(list!.map((one) => one[of]));
  return {
    clients: CLIENTS,
    raw,
    http,
    share: middle(http, 'perSecond') / middle(raw, 'perSecond'),
    cpuShare: middle(raw, 'childrenMs') / (middle(http, 'ownMs') + middle(http, 'childrenMs')),
    goal: 'at least 0.9',
  };
}

/** One core for the server, another for the clients; a server that does nothing in turns with it. */
async function vectors() {
  const bodies = queries.map((vector) => JSON.stringify({ vector: [...vector], limit: 10 }));
  const requests = bodies.map((body) => ({ body, headers: { 'content-type': 'application/json' } }));
  const own = await serve({ ...options, processes: 1, cores: '0' });
  const bare = await serve({ ...options, cores: '0', bare: true });
  const once = async ({ url, pid }: Served) => {
    const before = (await cpuOf(pid)).own;
    const {
      requests: done,
      latency,
      non2xx,
      errors,
    } = await autocannon({
      url: `${url}${QUERY}`,
      method: 'POST',
      connections: 16,
      duration: ms / 1000,
      requests,
    });
    if (non2xx > 0 || errors > 0) throw new Error(`${non2xx} refused, ${errors} failed`);
    const cpuMs = (await cpuOf(pid)).own - before;
    return {
      perSecond: done.average,
      perCpuSecond: (1000 * done.total) / cpuMs,
      p50: latency.p50,
      p99: latency.p99,
    };
  };
  await once(own);
  await once(bare);
  const found = {
    attractor: [] as Awaited<ReturnType<typeof once>>[],
    bareNode: [] as Awaited<ReturnType<typeof once>>[],
  };
  for (let round = 0; round < rounds; round++) {
    found.attractor.push(await once(own));
    found.bareNode.push(await once(bare));
  }
  await own.stop();
  await bare.stop();
  const middle = (list: readonly { perSecond: number; perCpuSecond: number }[]) => ({
    perSecond: median(list.map(({ perSecond }) => perSecond)),
    perCpuSecond: median(list.map(({ perCpuSecond }) => perCpuSecond)),
  });
  return {
    items: options.items,
    dimension,
    ...found,
    medians: { attractor: middle(found.attractor), bareNode: middle(found.bareNode) },
    goal: 'at least 4000 on one core',
  };
}

/** Three times what the server can do, from outside, without regard to its answers. */
async function overload({ url }: Served) {
  const client = new Client(url);
  const began = performance.now();
  const answers = ok(await client.closed({ calls, clients: CLIENTS, ms }));
  const capacity = (1000 * answers.length) / (performance.now() - began);
  const all = await client.open({ calls, perSecond: 3 * capacity, ms: 2 * ms });
  const accepted = all.filter(({ status }) => status === 200);
  const refused = all.filter(({ status }) => status === 429);
  const alive = ok([await client.send(calls[0]!)]);
  client.close();
  return {
    capacity,
    offered: 3 * capacity,
    accepted: spread(accepted.map((answer) => answer.ms)),
    refused: spread(refused.map((answer) => answer.ms)),
    other: all.length - accepted.length - refused.length,
    retryAfter: [...new Set(refused.map(({ retryAfter }) => retryAfter))].sort(),
    afterwards: alive[0],
  };
}

/** One client with and without an import of new pictures, in turns. */
async function importBeside({ url }: Served) {
  const client = new Client(url);
  const quiet: number[] = [];
  const busy: number[] = [];
  let imported = 0;
  const started = performance.now();
  let importing = 0;
  for (let round = 0; round < rounds; round++) {
    quiet.push(...ok(await client.closed({ calls, clients: 1, ms })));
    const stop = new AbortController();
    const began = performance.now();
    const work = (async () => {
      while (!stop.signal.aborted) {
        const items = Array.from({ length: 32 }, () =>
          newPicture(photos[imported++ % photos.length]!, imported),
        );
        const { status } = await client.send(
          jsonCall('PUT', `/v1/collections/${COLLECTION}/items`, { items }),
        );
        if (status !== 200) throw new Error(`the import was answered with ${status}`);
      }
    })();
    busy.push(...ok(await client.closed({ calls, clients: 1, ms })));
    stop.abort();
    await work;
    importing += performance.now() - began;
  }
  client.close();
  const [without, beside] = [spread(quiet), spread(busy)];
  return {
    without,
    beside,
    importedPerSecond: (1000 * imported) / importing,
    p99: beside.p99 / without.p99,
    p50: beside.p50 / without.p50,
    goal: 'p99 at most 1.5',
    seconds: (performance.now() - started) / 1000,
  };
}

/** Bytes behind the end of a JPEG make it another file and the same picture. */
function newPicture(photo: Photo, mark: number) {
  const bytes = Buffer.concat([photo.bytes, Buffer.from(`${process.pid}-${mark}`)]);
  return { id: `new-${mark}`, image: { base64: bytes.toString('base64') } };
}

const found: Record<string, unknown> = {
  machine: {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    loadBefore: loadavg()[0],
  },
  setup: {
    model: options.model,
    precision: options.precision,
    processes: options.processes,
    photos: photos.length,
    photoBytes: Math.round(photos.reduce((sum, { bytes }) => sum + bytes.length, 0) / photos.length),
  },
};
const wanted = flags.only.split(',');
if (wanted.includes('vectors')) {
  say('vectors');
  found.vectors = await vectors();
}
const phases = { latency, throughput, overload, import: importBeside };
const server = await serve(options);
for (const [name, phase] of Object.entries(phases)) {
  if (!wanted.includes(name)) continue;
  say(name);
  found[name] = await phase(server);
}
await server.stop();
if (flags.folder === undefined) await rm(folder, { recursive: true });
console.log(JSON.stringify(found, null, 2));
