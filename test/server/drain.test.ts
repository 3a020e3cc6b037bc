// An orderly end under load, with real processes and sockets: what the server began it finishes, what comes later is
// refused, what was acknowledged is there after the next start.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { Agent, createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { json } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ServerProcess, startServer, tinyHome } from './process.ts';

let home: Awaited<ReturnType<typeof tinyHome>>;
beforeAll(async () => {
  home = await tinyHome();
});
afterAll(() => home.remove());

const SAMPLES = resolve(import.meta.dirname, '../../examples/furniture/samples');
const photo = readFileSync(join(SAMPLES, readdirSync(SAMPLES)[0]!));

const start = () =>
  startServer({ folder: home.folder, env: { ATTRACTOR_DEMO: 'false', ATTRACTOR_LOG_LEVEL: 'debug' } });

const CLIENTS = 8;

interface Outcome {
  readonly id: string;
  /** Of the answer, read whole; or why there is none. */
  readonly status: number | string;
}

/** Sends one photo as an item, over this agent. */
function put(server: ServerProcess, options: { id: string; agent: Agent }): Promise<Outcome> {
  const { id, agent } = options;
  const item = { id, image: Buffer.concat([photo, Buffer.from(id)]).toString('base64') };
  return new Promise((resolve) => {
    const fail = (error: NodeJS.ErrnoException) => resolve({ id, status: error.code ?? error.message });
    const answer = async (response: IncomingMessage) => {
      const { result } = (await json(response)) as { result?: { items: { status: string }[] } };
      resolve({
        id,
        status: result?.items[0]?.status === 'created' ? 200 : `not created: ${response.statusCode}`,
      });
    };
    const headers = { 'content-type': 'application/json', 'x-request-id': id };
    request(`${server.url}/v1/collections/c/items`, { method: 'PUT', agent, headers })
      .on('error', fail)
      .on('response', (response) => answer(response).catch(fail))
      .end(JSON.stringify({ items: [item] }));
  });
}

describe.each([
  ['a connection each', false],
  ['connections that are kept', true],
])('clients with %s', (name, keepAlive) => {
  test('lose nothing that was begun', async () => {
    const server = await start();
    await fetch(`${server.url}/v1/collections/c`, { method: 'PUT' });
    const outcomes: Outcome[] = [];
    let ended = false;
    const clients = Array.from({ length: CLIENTS }, async (_, client) => {
      const agent = new Agent({ keepAlive, maxSockets: 1 });
      for (let i = 0; !ended; i++) {
        const outcome = await put(server, { id: `${name.slice(-4)}-${client}-${i}`, agent });
        outcomes.push(outcome);
        if (typeof outcome.status === 'string') break;
      }
      agent.destroy();
    });
    await expect.poll(() => outcomes.length, { interval: 5, timeout: 30_000 }).toBeGreaterThan(40);
    expect(await server.stop('SIGTERM')).toBe(0);
    ended = true;
    await Promise.all(clients);

    const refused = outcomes.filter(({ status }) => status !== 200);
    // RESET: connected, but not yet accepted when the server stopped listening.
    expect(
      refused.map(({ status }) => status).filter((one) => !/^ECONN(REFUSED|RESET)$/.test(`${one}`)),
    ).toEqual([]);
    const begun = server.log.filter(({ msg, method }) => msg === 'request' && method === 'PUT');
    const ids = begun.filter(({ url }) => `${url}`.endsWith('/items')).map(({ request_id }) => request_id);
    const answered = outcomes.filter(({ status }) => status === 200).map(({ id }) => id);
    expect(begun.filter(({ status }) => status !== 200)).toEqual([]);
    expect([...ids].sort()).toEqual([...answered].sort());
    const stopping = server.log.findIndex(({ msg }) => msg.startsWith('Stopping'));
    const after = server.log.slice(stopping).filter(({ msg }) => msg === 'request').length;
    expect(after, 'requests were in flight when the signal came').toBeGreaterThan(0);
    // What was in flight, and what was on its way: a client that keeps its connection is told to leave.
    expect(after).toBeLessThanOrEqual(2 * CLIENTS);
    expect(server.log.at(-1)!.msg).toContain('Stopped');

    const again = await start();
    for (const id of answered) {
      expect((await fetch(`${again.url}/v1/collections/c/items/${id}`)).status, id).toBe(200);
    }
    await fetch(`${again.url}/v1/collections/c`, { method: 'DELETE' });
    expect(await again.stop('SIGTERM')).toBe(0);
  }, 60_000);
});

test('what is not finished when the wait is over is cut off: the log says what, and its client gets to know', async () => {
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  const server = await startServer({
    folder: home.folder,
    env: { ATTRACTOR_DEMO: 'false', ATTRACTOR_URL_ALLOW: '127.0.0.1', ATTRACTOR_URL_PORTS: 'any' },
  });
  const collection = `${server.url}/v1/collections/cut`;
  await fetch(collection, { method: 'PUT' });
  // A batch that is answered, and a row whose picture does not come.
  const vector = Array.from({ length: 32 }, (_, i) => i + 1);
  const rows: object[] = Array.from({ length: 32 }, (_, i) => ({ id: `v${i}`, vector }));
  rows.push({ id: 'silent', image: `http://127.0.0.1:${port}/picture.jpg` });
  const response = await fetch(`${collection}/import`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', 'x-request-id': 'rows' },
    body: rows.map((row) => JSON.stringify(row)).join('\n'),
  });
  const answer = response.text();
  const asleep = request(collection, {
    method: 'PUT',
    headers: { 'content-type': 'application/json', 'content-length': 2, 'x-request-id': 'asleep' },
  });
  asleep.on('error', () => {}).write('{');
  await new Promise((resolve) => asleep.once('socket', (socket) => socket.once('connect', resolve)));
  server.child.kill('SIGTERM');
  await expect.poll(() => server.log.some(({ msg }) => msg.startsWith('Stopping'))).toBe(true);
  expect(existsSync(join(home.folder, 'data/attractor.pid'))).toBe(true);
  expect(await server.stop('SIGTERM')).toBe(1);
  silent.closeAllConnections();
  silent.close();

  const last = JSON.parse((await answer).trim().split('\n').at(-1)!);
  expect(last).toMatchObject({ counts: { created: 32, failed: 0 }, error: { code: 'not_ready' } });
  const line = server.log.find(({ msg }) => msg.startsWith('The wait is over'));
  expect(line).toMatchObject({ level: 40 });
  expect(line!.requests).toContainEqual({
    request_id: 'rows',
    method: 'POST',
    url: '/v1/collections/cut/import',
  });
  expect(server.log.at(-1)!.msg).toContain('Stopped');
  expect(existsSync(join(home.folder, 'data/attractor.pid'))).toBe(false);
}, 60_000);
