// kill -9 of the real server in the middle of an import that runs as a task: the next start goes on from the last batch, and
// at the end every row is settled exactly once.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRng } from '../../src/math/rng.ts';
import { type ServerProcess, startServer, tinyHome } from '../server/process.ts';

const ROWS = 20_000;
const KILLS = 3;
const DIMENSION = 32;

let home: Awaited<ReturnType<typeof tinyHome>>;
let server: ServerProcess | undefined;
beforeEach(async () => {
  home = await tinyHome();
});
afterEach(async () => {
  await server?.stop('SIGKILL');
  await home.remove();
});

const env = { ATTRACTOR_DEMO: 'false' };
const start = () => startServer({ folder: home.folder, env });

/** As the API shows it; only what is looked at here. */
interface Shown {
  readonly uid: number;
  readonly status: string;
  readonly progress: { readonly done: number };
  readonly details: Record<'created' | 'updated' | 'unchanged' | 'failed', number>;
  readonly count: number;
  readonly total: number;
  readonly dead_letters: readonly { readonly line: number }[];
  readonly tasks: readonly Shown[];
}

async function call(path: string, init?: RequestInit) {
  const answer = await fetch(`${server!.url}/v1${path}`, init);
  return ((await answer.json()) as { result: Shown }).result;
}

/** Every tenth row has a vector of another length. */
function body(): string {
  const rng = createRng(11);
  const row = (n: number) => {
    const length = n % 10 === 9 ? 3 : DIMENSION;
    return JSON.stringify({ id: `i${n}`, vector: Array.from({ length }, () => rng.normal()) });
  };
  return Array.from({ length: ROWS }, (_, n) => row(n)).join('\n');
}

async function until(uid: number, good: (task: Shown) => boolean) {
  for (;;) {
    const task = await call(`/tasks/${uid}`);
    if (good(task)) return task;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

test(`an import goes on after up to ${KILLS} kills, and is whole`, { timeout: 120_000 }, async () => {
  server = await start();
  await call('/collections/shop', { method: 'PUT' });
  const headers = { 'content-type': 'application/x-ndjson' };
  const { uid } = await call('/collections/shop/import?wait=false', {
    method: 'POST',
    headers,
    body: body(),
  });
  let last = 0;
  let kills = 0;
  for (; kills < KILLS; kills++) {
    const seen = await until(uid, ({ progress }) => progress.done > last || progress.done === ROWS);
    if (seen.progress.done === ROWS) break;
    await server.stop('SIGKILL');
    server = await start();
    const again = await call(`/tasks/${uid}`);
    // What was told as done is done: the checkpoint is on disk before it is told.
    expect(again.progress.done).toBeGreaterThanOrEqual(seen.progress.done);
    last = again.progress.done;
  }
  // On a fast machine it is over while the server starts once more.
  expect(kills).toBeGreaterThan(0);
  const task = await until(uid, ({ status }) => status !== 'enqueued' && status !== 'processing');
  expect(task).toMatchObject({ status: 'succeeded', progress: { done: ROWS, total: ROWS } });
  const { created, updated, unchanged, failed } = task.details;
  expect([created + unchanged, updated, failed]).toEqual([0.9 * ROWS, 0, 0.1 * ROWS]);
  // Of each kill at most the batch that had been written and not yet noted.
  expect(unchanged).toBeLessThanOrEqual(kills * 32);
  expect((await call('/collections/shop')).count).toBe(0.9 * ROWS);
  const { total, dead_letters: letters } = await call(`/tasks/${uid}/dead-letters?limit=10000`);
  expect(total).toBe(0.1 * ROWS);
  expect(letters.map(({ line }) => line)).toEqual(Array.from({ length: ROWS / 10 }, (_, i) => 10 * (i + 1)));
});

test('a kill while a body arrives leaves nothing behind', { timeout: 60_000 }, async () => {
  server = await start();
  await call('/collections/shop', { method: 'PUT' });
  const tasks = join(home.folder, 'data/tasks');
  const chunks = new ReadableStream({
    async start(controller) {
      controller.enqueue(new TextEncoder().encode('{"id": "a", '));
      while (readdirSync(tasks).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      await server!.stop('SIGKILL');
      controller.close();
    },
  });
  const sent = fetch(`${server.url}/v1/collections/shop/import?wait=false`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: chunks,
    duplex: 'half',
  } as RequestInit);
  await expect(sent).rejects.toThrow();
  expect(readdirSync(tasks)).toEqual(['0.part']);
  server = await start();
  expect(readdirSync(tasks)).toEqual([]);
  expect((await call('/tasks')).tasks).toEqual([]);
});
