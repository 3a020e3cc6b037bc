import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it, test } from 'vitest';
import { lockFolder } from '../../src/store/lock.ts';
import { tinyBackbone } from '../fixtures/tiny-shop.ts';
import { openCommandLine } from './attractor.ts';

const { folder, attractor, remove } = await openCommandLine();
afterAll(remove);

test('npx runs it in a clone, as the README says', async () => {
  const cwd = join(import.meta.dirname, '../..');
  const { stdout } = await promisify(execFile)('npx', ['--offline', 'attractor', '--version'], { cwd });
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test('without its packages it says what to run', async () => {
  const main = join(folder, 'clone/src/cli/attractor.mjs');
  await cp(join(import.meta.dirname, '../../src/cli/attractor.mjs'), main);
  const run = promisify(execFile)(process.execPath, [main, '--version']);
  const stderr = `error: the packages are not installed: run npm ci in ${join(folder, 'clone/')}\n`;
  await expect(run).rejects.toMatchObject({ code: 2, stderr });
});

describe('attractor import, duplicates, snapshot, restore', { timeout: 90_000 }, () => {
  it('fills a folder, finds what is there twice, saves it in one file and makes a folder of that again', async () => {
    const own = ['--models', 'models', '--model', 'tiny'];
    const data = ['--data', 'catalogue.csv', '--group', 'product_id', '--collection', 'shop'];
    await mkdir(join(folder, 'lists'));
    await cp(join(folder, 'catalogue.csv'), join(folder, 'lists/catalogue.csv'));
    const labl = await attractor(['import', ...data, '--group', 'labl', ...own, '--folder', 'store']);
    expect(labl).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^error: --group: expected one of .*"labl"/),
    });
    // Its paths are relative to the folder above.
    const elsewhere = ['--data', 'lists/catalogue.csv', '--images', '.'];
    const filled = await attractor(['import', ...data, ...elsewhere, ...own, '--folder', 'store']);
    expect(filled.out).toBe('shop: 120 created, 0 updated, 0 unchanged\n');
    const find = ['duplicates', '--collection', 'shop', '--folder', 'store'];
    const alone = await attractor([...find, '--threshold', '1']);
    expect(alone).toMatchObject({ code: 0, out: 'shop: 0 of 120 items in 0 clusters\n' });
    const all = await attractor([...find, '--threshold', '-1', '--json']);
    expect(JSON.parse(all.out)).toHaveLength(120);
    const some = await attractor([...find, '--threshold', '-1', '--across-groups']);
    expect(some.out).toMatch(/^shop: 120 of 120 items in 1 cluster\n {2}\S+ \(\S+\), /);
    const lock = lockFolder(join(folder, 'store'));
    const wrong = await attractor([...find, '--threshold', '2']);
    expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining('a number from -1 to 1') });
    const locked = await attractor(find);
    lock.release();
    expect(locked).toMatchObject({
      code: 1,
      err: expect.stringMatching(
        / is open in .* ask the server: POST \/v1\/collections\/<name>\/duplicates\.\n$/,
      ),
    });

    const saved = await attractor(['snapshot', 'shop.snapshot', '--folder', 'store']);
    expect(saved.out).toMatch(/^shop\.snapshot: \d+\.\d MiB, sha256 [0-9a-f]{64}\n$/);
    expect((await attractor(['snapshot', 'shop.snapshot', '--folder', 'store'])).code).toBe(2);
    const back = await attractor(['restore', 'shop.snapshot', '--folder', 'other']);
    expect(back).toMatchObject({ code: 0, out: expect.stringMatching(/^other: restored, sha256 /) });
    expect(await attractor(['restore', 'shop.snapshot', '--folder', 'other'])).toMatchObject({
      ...{ code: 2, err: 'error: --folder: expected a folder without a store, received "other"\n' },
    });
    const nowhere = await attractor(['snapshot', 'none/x.snapshot', '--folder', 'store']);
    expect(nowhere).toMatchObject({ code: 2, err: expect.stringMatching(/^error: [^\n]*none\/x[^\n]*\n$/) });
    const again = await attractor(['import', ...data, ...own, '--folder', 'other']);
    expect(again.out).toBe('shop: 0 created, 0 updated, 120 unchanged\n');
    await writeFile(join(folder, 'shop.snapshot'), 'nothing of the kind');
    const broken = await attractor(['restore', 'shop.snapshot', '--folder', 'third']);
    expect(broken).toMatchObject({ code: 2, err: expect.stringContaining('is no usable snapshot') });
  });
});

test('attractor duplicates makes no folder', async () => {
  const err = 'error: --folder: expected a data folder, received "nowhere"\n';
  const run = await attractor(['duplicates', '--collection', 'shop', '--folder', 'nowhere']);
  expect(run).toMatchObject({ code: 2, err });
  expect(existsSync(join(folder, 'nowhere'))).toBe(false);
});

test('attractor import names the option by which the images are found', async () => {
  await writeFile(join(folder, 'none.csv'), 'id,photo\n1,a.jpg\n');
  expect(await attractor(['import', '--data', 'none.csv', '--collection', 'shop'])).toMatchObject({
    ...{ code: 2, err: expect.stringMatching(/^error: --image: no column holds image paths/) },
  });
});

describe('attractor key', () => {
  it('makes, lists and revokes keys, and shows a key only once', async () => {
    const at = ['--folder', 'with-keys'];
    const search = '--scope search --collection shop lamps --note'.split(' ');
    const made = await attractor(['key', 'create', ...search, 'web shop', ...at]);
    expect(made).toMatchObject({ code: 0, out: expect.stringMatching(/^ak_[\w-]{43}\n$/) });
    const id = /^Key ([0-9a-f]{8}) \(search\)/.exec(made.err)![1]!;
    expect(made.err).toContain('warning: there is no collection or alias lamps yet\n');
    const where = join(folder, 'with-keys');
    expect(made.err).toContain(` of ${where}. Keep it`);
    expect(made.err).toContain(`warning: no server has used ${where} yet\n`);
    const admin = await attractor(['key', 'create', '--scope', 'admin', '--rate', '60', ...at]);
    expect(admin.code).toBe(0);
    const list = await attractor(['key', 'list', ...at]);
    expect(list.out).toMatch(new RegExp(`^${id}  search  shop,lamps  20\\S+Z  web shop$`, 'm'));
    expect(list.out).toMatch(/^\w{8} {2}admin {3}all collections {2}60\/min {2}20\S+Z {2}$/m);
    expect(list.out).not.toContain(made.out.trim());
    expect(await attractor(['key', 'revoke', id, ...at])).toMatchObject({ code: 0, out: `${id}: revoked\n` });
    expect(await attractor(['key', 'revoke', id, ...at])).toMatchObject({
      code: 2,
      err: `error: id: expected one that "key list" shows, received ${id}\n`,
    });
    const last = await attractor(['key', 'revoke', list.out.match(/^(\w{8}) {2}admin/m)![1]!, ...at]);
    expect(last).toMatchObject({
      code: 0,
      err: expect.stringMatching(/^warning: no key is left\. A server that runs goes on asking/),
    });
    expect(await attractor(['key', 'list', ...at])).toEqual({ code: 0, out: '', err: 'There is no key.\n' });
    for (const wrong of [
      ['--scope', 'root'],
      [],
      ['--scope', 'admin', '--collection', '../x'],
      ['--scope', 'admin', '--rate', '0'],
    ]) {
      expect((await attractor(['key', 'create', ...wrong, ...at])).code).toBe(2);
    }
  });

  it('looks for keys without making a folder for them', async () => {
    for (const command of [['list'], ['revoke', 'abc']]) {
      const run = await attractor(['key', ...command, '--folder', 'nowhere']);
      expect(run).toMatchObject({
        code: 2,
        err: expect.stringContaining('received nowhere, which has none'),
      });
    }
    expect(existsSync(join(folder, 'nowhere'))).toBe(false);
  });
});

describe('attractor config', () => {
  it('says what is in force and where it comes from, and refuses what is no setting', async () => {
    await writeFile(join(folder, 'server.json'), '{"ATTRACTOR_DEMO": false, "PORT": 81}');
    const env = { ATTRACTOR_CONFIG: 'server.json', PORT: '82', ATTRACTOR_TYPO: '1' };
    const run = await attractor(['config'], { env });
    expect(run).toMatchObject({ code: 0, err: 'warning: ATTRACTOR_TYPO is no setting\n' });
    expect(run.out).toMatch(/^file: .*server\.json$/m);
    expect(run.out).toMatch(/^PORT +82 +environment$/m);
    expect(run.out).toMatch(/^ATTRACTOR_DEMO +false +file$/m);
    expect(run.out).toMatch(/^HOST +127\.0\.0\.1 +default$/m);
    const { out } = await attractor(['config', '--json'], { env });
    const { settings } = JSON.parse(out);
    expect(settings[0]).toEqual({ name: 'PORT', value: 82, from: 'environment', differs: true });
    await writeFile(join(folder, 'server.json'), '{"PROT": 81}');
    const bad = await attractor(['config'], { env });
    expect(bad).toMatchObject({
      code: 2,
      err: expect.stringContaining('server.json: unknown setting "PROT"'),
    });
    await rm(join(folder, 'server.json'));
  });

  it('has a value for every setting, and one word about a file that is broken', async () => {
    const { out } = await attractor(['config']);
    for (const line of out.trim().split('\n').slice(1)) expect(line).toMatch(/^[A-Z_]+ +\S.* +default$/);
    expect(out).toMatch(/^ATTRACTOR_EMBED_MAX_BATCH +2 on CPU, 32 on CUDA +default$/m);
    expect(out).toMatch(/^ATTRACTOR_ADMIN_KEY +\(none\) +default$/m);
    await writeFile(join(folder, 'server.json'), '{"PORT": ');
    const env = { ATTRACTOR_CONFIG: 'server.json' };
    const broken = await attractor(['config'], { env });
    expect(broken.code).toBe(2);
    expect(broken.err).toMatch(/^error: \S+server\.json: expected a file of JSON: [^\n]*\n$/);
    const other = await attractor(['key', 'list', '--folder', 'with-keys'], { env });
    expect(other.err).toMatch(/^warning: server\.json is not read: [^\n]*\nThere is no key\.\n$/);
    await rm(join(folder, 'server.json'));
  });

  it('is what other commands mean too', async () => {
    await writeFile(join(folder, 'server.json'), '{"ATTRACTOR_DATA": "elsewhere"}');
    const run = await attractor(['snapshot', 'a.snapshot'], { env: { ATTRACTOR_CONFIG: 'server.json' } });
    expect(run.err).toContain('elsewhere');
    await rm(join(folder, 'server.json'));
  });
});

describe('attractor doctor', () => {
  it('examines a server: its settings, address, folder, and its model at work', async () => {
    const env = { PORT: '0', ATTRACTOR_MODELS: join(folder, 'models'), ATTRACTOR_MODEL: 'tiny' };
    await attractor(['key', 'create', '--scope', 'search', '--collection', 'lampz', '--folder', 'keyed']);
    const fine = await attractor(['doctor'], { env: { ...env, ATTRACTOR_DATA: 'keyed' } });
    expect(fine.out).toMatch(/data folder +\S+ can be written, /);
    expect(fine.out).toMatch(/API keys +1; of collections that are not there: [0-9a-f]{8} is for lampz\n/);
    expect(fine.out).toMatch(/embed with tiny +works on cpu, \d+ ms a picture, sha256:/);
    expect(fine.code).toBe(0);
    const catalogue = [
      'import',
      '--data',
      'catalogue.csv',
      '--collection',
      'shop',
      '--models',
      'models',
      '--model',
      'tiny',
    ];
    await attractor([...catalogue, '--folder', 'made']);
    const whole = await attractor(['doctor'], { env: { ...env, ATTRACTOR_DATA: 'made' } });
    expect(whole.out).toMatch(/^ {2}collections +1, each with its model$/m);
    const without = { ...env, ATTRACTOR_DATA: 'made', ATTRACTOR_MODELS: join(folder, 'images') };
    const orphan = await attractor(['doctor'], { env: without });
    expect(orphan.out).toMatch(/^! collection shop +There is no model "tiny"/m);
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    const bad = await attractor(['doctor'], {
      env: { PORT: `${port}`, ATTRACTOR_DATA: 'catalogue.csv/data', ATTRACTOR_MODEL: 'nobody' },
    });
    taken.close();
    expect(bad.out).toMatch(new RegExp(`^! address +127\\.0\\.0\\.1:${port}: EADDRINUSE`, 'm'));
    expect(bad.out).toMatch(/^! data folder +.*catalogue\.csv is no folder/m);
    expect(bad.out).toMatch(/^! embed with nobody +.*nobody/m);
    expect(bad.code).toBe(1);
    const odd = await attractor(['doctor', '--models', 'models'], { env: { PORT: 'http' } });
    expect(odd.out).toMatch(/^! settings +PORT: expected an integer/m);
    expect(odd.code).toBe(1);
  });

  it('says what is there, and fails on a model that is not whole', async () => {
    const whole = await attractor(['doctor', '--models', 'models'], { env: { PORT: '0' } });
    expect(whole.out).toMatch(/node .*\n.*cores .*\n.*sharp +\d.*\n.*onnxruntime +providers .*cpu/);
    expect(whole.out).toMatch(/hnswlib-node +(built with AVX2|portable build)/);
    expect(whole.out).toMatch(/train on onnxruntime, cpu +works/);
    expect(whole.out).toMatch(/train on onnxruntime, cuda +(works|.*npm run gpu:ort)/);
    expect(whole.out).toMatch(
      /train on @tensorflow\/tfjs-node-gpu +(4\.|installed|not installed;.*npm run gpu:tf)/,
    );
    expect(whole.out).toMatch(/train on TensorFlow.js, wasm +4\.\d+\.\d+, works/);
    expect(whole.out).toMatch(/train by default +(onnxruntime|TensorFlow) on /);
    expect(whole.err).toBe('');
    expect(whole.out).toMatch(/model tiny +backbone, 32 numbers, sha256:/);
    expect(whole.code).toBe(0);
    await tinyBackbone({ directory: join(folder, 'others/tiny') });
    await writeFile(join(folder, 'others/tiny/model.onnx'), 'cut off');
    expect(whole.out).toMatch(/memory +[\d.]+ GiB free of .*\n.*settings +right, from the environment/);
    expect(whole.out).toMatch(/data folder +.*data will be made, [\d.]+ GiB free/);
    expect(whole.out).toMatch(/address +127\.0\.0\.1:0 is free/);
    const broken = await attractor(['doctor', '--models', 'others']);
    expect(broken.out).toMatch(/^! model tiny +.*expected/m);
    expect(broken.code).toBe(1);
  });
});
