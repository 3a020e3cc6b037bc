// The process as an operator meets it: bad settings, the first start with its demo, kill -9, restart, an orderly end.

import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openKeys } from '../../src/store/keys.ts';
import { APPLICATION_ID } from '../../src/store/schema.ts';
import { type ServerProcess, spawnServer, startServer, tinyHome, untilReady } from './process.ts';

let home: Awaited<ReturnType<typeof tinyHome>>;
let server: ServerProcess | undefined;
beforeAll(async () => {
  home = await tinyHome();
});
afterEach(() => server?.stop('SIGKILL'));
afterAll(() => home.remove());

const start = async (env?: NodeJS.ProcessEnv) => {
  server = await startServer({ folder: home.folder, env });
  return server;
};
// biome-ignore lint/suspicious/noExplicitAny: replies are checked by what the tests expect of them.
const get = async (path: string): Promise<any> => (await fetch(server!.url + path)).json();

test('a bad setting is one sentence and exit code 2', async () => {
  const child = spawnServer({ folder: home.folder, env: { PORT: 'http' } });
  const said = text(child.stderr!);
  const [code] = await once(child, 'exit');
  expect(await said).toBe('PORT: expected an integer from 0 to 65535, received "http"\n');
  expect(code).toBe(2);
});

test('the first line of the log says what differs from the defaults; the second what is no setting', async () => {
  await start({ ATTRACTOR_DEMO: 'false', ATTRACTOR_HNSW_EF: '100', ATTRACTOR_TYPO: '1' });
  const [first, second] = server!.log as unknown as [
    { settings: object },
    { unknown: string[]; level: number },
  ];
  expect(first.settings).toEqual({
    PORT: 0,
    ATTRACTOR_DATA: `${home.folder}/data`,
    ATTRACTOR_MODELS: `${home.folder}/models`,
    ATTRACTOR_MODEL: 'tiny',
    ATTRACTOR_EMBED_PROCESSES: 1,
    ATTRACTOR_DEMO: false,
  });
  expect(second).toMatchObject({ level: 40, unknown: ['ATTRACTOR_TYPO'] });
});

test('the embedder is among the metrics', async () => {
  await start({ ATTRACTOR_DEMO: 'false' });
  const metrics = await (await fetch(`${server!.url}/metrics`)).text();
  expect(metrics).toContain('attractor_embed_processes{model="tiny",state="live"} 1\n');
});

test('a model that is not there ends the start with exit code 2, and says where it was looked for', async () => {
  const child = spawnServer({ folder: home.folder, env: { ATTRACTOR_MODEL: 'nobody' } });
  const said = text(child.stdout!);
  const [code] = await once(child, 'exit');
  expect(code).toBe(2);
  expect(await said).toMatch(
    /"level":60.*ATTRACTOR_MODEL: expected one of the models in \S+\/models \(tiny\), received nobody/,
  );
});

test('a port that is taken is bad input', async () => {
  const { url } = await start({ ATTRACTOR_DEMO: 'false' });
  const other = await tinyHome();
  const { port } = new URL(url);
  const child = spawnServer({ folder: other.folder, env: { PORT: port, ATTRACTOR_DEMO: 'false' } });
  const said = text(child.stdout!);
  const [code] = await once(child, 'exit');
  expect(code).toBe(2);
  const log = await said;
  expect(log).toContain(
    `PORT: expected an address to listen on, received 127.0.0.1:${port} (EADDRINUSE). Another`,
  );
  expect(log).not.toContain('    at ');
  // Found before anything else is opened or started.
  expect(existsSync(join(other.folder, 'data'))).toBe(false);
  await other.remove();
});

test('a start that cannot be says so in one line, with the stack only where it is asked for', async () => {
  const start = async (env: NodeJS.ProcessEnv) => {
    const child = spawnServer({ folder: home.folder, env });
    const said = text(child.stdout!);
    const [code] = await once(child, 'exit');
    return { code, fatal: JSON.parse((await said).split('\n').find((line) => line.includes('"level":60'))!) };
  };
  const file = join(home.folder, 'file');
  await writeFile(file, '');
  const { code, fatal } = await start({ ATTRACTOR_DATA: file });
  expect(code).toBe(2);
  const msg = `data folder: expected a folder that can be written to, or made, received ${file} (EEXIST)`;
  expect(fatal).toEqual({ level: 60, time: expect.any(String), code: 'invalid_argument', msg });
  const newer = join(home.folder, 'newer');
  await mkdir(newer);
  const db = new Database(join(newer, 'attractor.db'));
  db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = 1000`);
  db.close();
  expect(await start({ ATTRACTOR_DATA: newer })).toMatchObject({ code: 2, fatal: { code: 'store_newer' } });
  // Node's own recursive mkdir never returns from there.
  expect((await start({ ATTRACTOR_DATA: '/proc/x' })).fatal.msg).toContain('received /proc/x (ENOENT)');
  const debug = await start({ ATTRACTOR_DATA: file, ATTRACTOR_LOG_LEVEL: 'debug' });
  expect(debug.fatal.err.stack).toContain('    at ');
});

test('without a key it listens on this machine only; with one it asks for it, without waiting for a restart', async () => {
  const env = { HOST: '0.0.0.0', ATTRACTOR_DEMO: 'false' };
  const refused = spawnServer({ folder: home.folder, env });
  const said = text(refused.stdout!);
  const [code] = await once(refused, 'exit');
  expect(code).toBe(2);
  expect(await said).toContain(
    'HOST: expected 127.0.0.1, ::1 or localhost as long as there is no API key, received 0.0.0.0.',
  );

  const insecure = await start({ ...env, ATTRACTOR_INSECURE: 'true' });
  const here = insecure.url.replace('0.0.0.0', '127.0.0.1');
  const status = async (url: string, key?: string) =>
    (await fetch(url, { headers: key === undefined ? {} : { 'api-key': key } })).status;
  expect(await status(`${here}/v1/collections`)).toBe(200);
  const keys = openKeys({ directory: join(home.folder, 'data') });
  const made = keys.create({ scope: 'search', created: '2026-11-28', secret: new Uint8Array(32).fill(1) });
  await expect.poll(() => status(`${here}/v1/collections`)).toBe(401);
  await server!.stop('SIGTERM');

  const { url } = await start(env);
  const again = `${url.replace('0.0.0.0', '127.0.0.1')}/v1/collections`;
  expect(await status(again)).toBe(401);
  expect(await status(again, made.key)).toBe(200);
  // The last key goes: the open door must not come back.
  keys.revoke(made.id);
  keys.close();
  await expect.poll(() => status(again, made.key)).toBe(401);
  expect(await status(again)).toBe(401);
});

test('on this machine too, the door that a key has shut stays shut when the last one goes, until the next start', async () => {
  const env = { ATTRACTOR_DEMO: 'false', ATTRACTOR_TRUST_PROXY: '1' };
  const headers = { 'x-forwarded-for': '203.0.113.7' };
  const status = async (key?: string) =>
    (
      await fetch(`${server!.url}/v1/collections`, {
        headers: key === undefined ? headers : { ...headers, 'api-key': key },
      })
    ).status;
  const warned = () => server!.log.some(({ msg, level }) => level === 40 && msg.includes('no API key'));
  const keys = openKeys({ directory: join(home.folder, 'data') });
  const make = (fill: number) =>
    keys.create({ scope: 'search', created: '2026-11-28', secret: new Uint8Array(32).fill(fill) });
  const first = make(2);
  await start(env);
  expect(await status(first.key)).toBe(200);
  expect(warned()).toBe(false);
  keys.revoke(first.id);
  await expect.poll(() => status(first.key)).toBe(401);
  expect(await status()).toBe(401);
  const second = make(3);
  expect(await status(second.key)).toBe(200);
  keys.revoke(second.id);
  await server!.stop('SIGTERM');
  await start(env);
  expect(await status()).toBe(200);
  await expect.poll(warned).toBe(true);
  // One that came and went while it ran shuts it as well.
  const third = make(4);
  await expect.poll(() => status()).toBe(401);
  keys.revoke(third.id);
  keys.close();
  await expect.poll(() => status(third.key)).toBe(401);
  expect(await status()).toBe(401);
});

test('a start names the collections whose model is missing or another one by now', async () => {
  const env = { ATTRACTOR_DEMO: 'false', ATTRACTOR_DATA: join(home.folder, 'orphans') };
  const models = join(home.folder, 'models');
  await cp(join(models, 'tiny'), join(models, 'gone'), { recursive: true });
  const { url } = await start(env);
  const headers = { 'content-type': 'application/json' };
  for (const [name, body] of Object.entries({ a: {}, b: { model: 'gone' }, c: {}, d: { dimension: 3 } })) {
    await fetch(`${url}/v1/collections/${name}`, { method: 'PUT', headers, body: JSON.stringify(body) });
  }
  await server!.stop('SIGTERM');
  await rm(join(models, 'gone'), { recursive: true });
  const db = new Database(join(env.ATTRACTOR_DATA, 'attractor.db'));
  db.exec("UPDATE collection SET fingerprint = 'sha256:older' WHERE name = 'c'");
  db.close();
  await start(env);
  const refused = server!.log.filter(
    ({ level, msg }) => level === 40 && msg.startsWith('Images are refused'),
  );
  expect(refused.map(({ collection }) => collection)).toEqual(['b', 'c']);
  expect(refused[0]!.msg).toContain('There is no model "gone"');
  expect(refused[1]!.msg).toContain('was made by sha256:older; the model "tiny" is sha256:');
  // Who asks is told, but not where the folders are: that is for the log.
  const query = { image: Buffer.from('a picture').toString('base64') };
  const asked = await fetch(`${server!.url}/v1/collections/b/query`, {
    method: 'POST',
    headers,
    body: JSON.stringify(query),
  });
  const said = await asked.text();
  expect([asked.status, JSON.parse(said).error.code]).toEqual([404, 'model_not_found']);
  expect(said).not.toContain(home.folder);
  await expect
    .poll(() => server!.log.map(({ msg }) => msg))
    .toContainEqual(expect.stringContaining(`No model at ${models}/gone`));
});

describe('a life of a data folder', () => {
  const TOTAL = 927;

  test('killed half-way through the demo, it goes on at the next start, and adds nothing twice', async () => {
    await start();
    await expect
      .poll(async () => (await get('/readyz')).result.demo?.done ?? 0, { interval: 5 })
      .toBeGreaterThan(31);
    expect(await server!.stop('SIGKILL')).toBeNull();

    const { url } = await start();
    const before = (await get('/v1/collections/shop')).result.count;
    expect(before).toBeGreaterThan(31);
    const seen = await untilReady(url);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect((await get('/v1/collections/shop')).result.count).toBe(TOTAL);
    expect(server!.log.find((line) => line.msg.includes('listening'))).toMatchObject({
      model: 'tiny',
      provider: 'cpu',
    });
    expect(await server!.stop('SIGTERM')).toBe(0);
    expect(server!.log.at(-1)!.msg).toContain('Stopped');
    expect(server!.log.filter((line) => line.level >= 50)).toEqual([]);
  }, 90_000);

  test('a later start is ready at once; what a client deleted stays deleted', async () => {
    const { url } = await start();
    expect(await untilReady(url)).toEqual([]);
    expect((await get('/v1/collections/shop')).result.count).toBe(TOTAL);
    await fetch(`${url}/v1/collections/shop`, { method: 'DELETE' });
    expect(await server!.stop('SIGINT')).toBe(0);
    await start();
    await untilReady(server!.url);
    expect((await get('/v1/collections')).result.collections).toEqual([]);
  });

  test('a second server on the same folder is refused, and the first one goes on', async () => {
    await start();
    const second = spawnServer({ folder: home.folder });
    const said = text(second.stdout!);
    const [code] = await once(second, 'exit');
    expect(code).toBe(1);
    expect(await said).toContain(`process ${server!.child.pid}`);
    expect((await get('/healthz')).status).toBe('ok');
  });

  test('a request in flight is finished before the process ends; new connections are refused', async () => {
    const { url } = await start({ ATTRACTOR_DEMO: 'false' });
    const slow = request(`${url}/v1/collections/kept`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json', 'content-length': 2 },
    });
    slow.write('{');
    await new Promise((resolve) => slow.once('socket', (socket) => socket.once('connect', resolve)));
    await new Promise((resolve) => setTimeout(resolve, 100));
    const ended = server!.stop('SIGTERM');
    await expect.poll(() => server!.log.some((line) => line.msg.startsWith('Stopping'))).toBe(true);
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
    slow.end('}');
    const [response] = await once(slow, 'response');
    expect(response.statusCode).toBe(200);
    response.resume();
    expect(await ended).toBe(0);
    await start({ ATTRACTOR_DEMO: 'false' });
    expect((await get('/v1/collections/kept')).result.name).toBe('kept');
  });
});
