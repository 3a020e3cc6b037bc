// Thousands of requests that are nearly right, against the real process: none gets a 5xx, none hangs, the server goes on
// answering well and grows no larger. `npm run test:fuzz` sends 100,000 (ATTRACTOR_FUZZ_REQUESTS, ATTRACTOR_FUZZ_SEED).

import { Agent, request as send } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FuzzRequest, fuzzRequest, rawBytes } from './fuzz.ts';
import { openTarget, sendRaw, statusesIn, type Target } from './target.ts';

const REQUESTS = Number(process.env.ATTRACTOR_FUZZ_REQUESTS ?? 2_000);
const SEED = Number(process.env.ATTRACTOR_FUZZ_SEED ?? 1);
const AT_ONCE = 16;
/** A request that has no answer by then hangs. */
const HANGS_MS = 30_000;
const MiB = 2 ** 20;

let target: Target;
const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
beforeAll(async () => {
  target = await openTarget({ ATTRACTOR_URL_TIMEOUT_MS: '500' });
});
afterAll(async () => {
  agent.destroy();
  await target.close();
});

/** 0 where the connection ended without an answer. */
function statusOf({ method, path, headers, body }: FuzzRequest): Promise<number> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(body.length) };
    const options = {
      agent,
      host: '127.0.0.1',
      port: target.port,
      method,
      path,
      headers: { ...headers, ...length },
    };
    const sent = send(options, (response) => {
      response.on('error', () => resolve(response.statusCode!));
      response.on('end', () => resolve(response.statusCode!)).resume();
    });
    sent.setTimeout(HANGS_MS, () => reject(new Error('no answer')));
    sent.on('error', () => resolve(0));
    sent.end(body);
  });
}

/** What number `n` got. The lowest of several answers would hide the highest. */
async function shoot(n: number, pictures: readonly Buffer[]): Promise<number> {
  const one = fuzzRequest({ seed: SEED, n, pictures });
  if (!one.raw) return statusOf(one);
  const bytes = rawBytes({ request: one, seed: SEED, n });
  return Math.max(0, ...statusesIn(await sendRaw({ port: target.port, bytes, forMs: 1_000 })));
}

/** What the requests have made beside the two collections is not what is measured. */
async function tidy(): Promise<void> {
  const { result } = (await (await fetch(`${target.url}/v1/collections`)).json()) as {
    result: { collections: { name: string }[] };
  };
  for (const { name } of result.collections) {
    if (name !== 'shop') await fetch(`${target.url}/v1/collections/${name}`, { method: 'DELETE' });
  }
  await fetch(`${target.url}/v1/collections/fuzz`, { method: 'PUT' });
}

test(
  `${REQUESTS} requests`,
  async () => {
    const pictures = [...target.pictures.values()].slice(0, 4);
    const counts: Record<number, number> = {};
    const wrong: { n: number; status: number; what: string }[] = [];
    const memory: number[] = [];
    const round = Math.max(500, REQUESTS / 20);
    const began = performance.now();
    for (let from = 0; from < REQUESTS; from += round) {
      await tidy();
      let next = from;
      const worker = async () => {
        while (next < Math.min(from + round, REQUESTS)) {
          const n = next++;
          const status = await shoot(n, pictures).catch(() => 599);
          counts[status] = (counts[status] ?? 0) + 1;
          if (status < 500) continue;
          const { method, path, body } = fuzzRequest({ seed: SEED, n, pictures });
          wrong.push({
            n,
            status,
            what: `${method} ${path.slice(0, 200)} ${body?.subarray(0, 500).toString('latin1') ?? ''}`,
          });
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
      await target.answersWell();
      memory.push(target.memory());
    }
    const seconds = Math.round((performance.now() - began) / 1000);
    const shown = memory.map((bytes) => Math.round(bytes / MiB));
    process.stdout.write(
      `${REQUESTS} requests in ${seconds} s, by status ${JSON.stringify(counts)}, MiB ${shown.join(' ')}\n`,
    );
    expect(target.errors().slice(0, 5)).toEqual([]);
    expect(wrong.slice(0, 5)).toEqual([]);
    // It must have been the routes that were reached, not only their door.
    expect(counts[200]).toBeGreaterThan(REQUESTS / 20);
    expect(counts[400]).toBeGreaterThan(REQUESTS / 20);
    // A quarter of the way is enough to fill every cache and pool.
    expect(memory.at(-1)! - memory[Math.floor(memory.length / 4)]!).toBeLessThan(96 * MiB);
  },
  Math.max(120_000, REQUESTS * 30),
);
