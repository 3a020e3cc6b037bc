// `attractor/client` as a shop installs it: built, found by its name, run by plain Node without a loader, its types
// read by their compiler. What they do with it is the example of docs/client.md.

import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openShop, type TestShop } from '../http/shop.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);
const tsc = (cwd: string, ...args: string[]) =>
  run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), ...args], { cwd });

let folder: string;
let shop: TestShop;
let server: Server;

beforeAll(async () => {
  shop = await openShop();
  server = createServer(shop.app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  folder = await mkdtemp(join(tmpdir(), 'attractor-client-'));
  const installed = join(folder, 'node_modules/attractor');
  await mkdir(installed, { recursive: true });
  await cp(join(ROOT, 'package.json'), join(installed, 'package.json'));
  await tsc(ROOT, '-p', 'client', '--outDir', join(installed, 'dist'));
  for (const name of ['zod', '@types', 'undici-types']) {
    await symlink(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
  }
  const [, example] = /```ts\n([\s\S]*?)```/.exec(await readFile(join(ROOT, 'docs/client.md'), 'utf8'))!;
  await writeFile(join(folder, 'package.json'), '{"type": "module"}');
  await writeFile(join(folder, 'example.ts'), example!);
  await writeFile(join(folder, 'photo.jpg'), shop.images.get('p0-0')!);
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await shop.close();
  await rm(folder, { recursive: true, force: true });
});

const options = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node'];

test('the example compiles against the declarations, and runs without a loader', async () => {
  await tsc(folder, 'example.ts', ...options);
  const { port } = server.address() as AddressInfo;
  const env = { PATH: process.env.PATH, ATTRACTOR_URL: `http://127.0.0.1:${port}` };
  const { stdout } = await run(process.execPath, ['example.js'], { cwd: folder, env });
  expect(stdout).toMatch(/^1 1 null brass 0\n1 0 scan\n2 0\nsucceeded 2\nitem_not_found id [\w-]+\n$/);
});

test('the declarations refuse what the server refuses', async () => {
  const wrong = `import { AttractorClient } from 'attractor/client';
    const shop = new AttractorClient({ url: 'http://127.0.0.1' }).collection('shop');
    await shop.query({ id: 'a', limt: 3 });
    await shop.query({ id: 'a', limit: 'three' });
    await shop.upsert([{ image: 'text' }]);
    const { points } = await shop.query({ id: 'a' });
    points[0]!.distance;
  `;
  await writeFile(join(folder, 'wrong.ts'), wrong);
  const { stdout } = await tsc(folder, 'wrong.ts', '--noEmit', ...options).catch((error) => error);
  const lines = [...stdout.matchAll(/^wrong\.ts\((\d+),/gm)].map(([, line]) => Number(line));
  expect(lines).toEqual([3, 4, 5, 7]);
});
