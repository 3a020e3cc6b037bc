// What happens to the index across restarts: loaded, brought up to date, built again, compacted, saved.

import { cpSync, existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runBuildJob } from '../../src/catalogue/build-job.ts';
import type { Collection } from '../../src/catalogue/types.ts';
import { createRng } from '../../src/math/rng.ts';
import { randomUnit } from '../reference/nearest.ts';
import { eventually, Harness } from './harness.ts';

let harness: Harness;
let file: string;
beforeEach(() => {
  harness = new Harness();
  file = join(harness.directory, 'indexes', '1.hnsw');
});
afterEach(() => harness.dispose());

const rng = createRng(6);
const some = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({ id: `i${from + i}`, vector: randomUnit(rng, 16) }));

/** With all of them in a graph, where there are enough for one. */
async function filled(count: number): Promise<Collection> {
  const shop = await (await harness.open()).createCollection({ name: 'shop' });
  await shop.upsert({ items: some(0, count) });
  await green(shop);
  return shop;
}

const green = (shop: Collection) => eventually(() => shop.info.status === 'green');

const queries = Array.from({ length: 8 }, () => randomUnit(rng, 16));

/** Answers of the graph; they must be those of the scan. */
async function answers(shop: Collection) {
  const all: string[][] = [];
  for (const vector of queries) {
    const exact = await shop.query({ by: { vector }, exact: true });
    const walked = await shop.query({ by: { vector }, ef: 1000 });
    expect(walked.hits).toEqual(exact.hits);
    all.push(walked.hits.map((hit) => hit.id));
  }
  return all;
}

/** Nodes in the file. */
const rows = (): number => JSON.parse(readFileSync(`${file}.json`, 'utf8')).rows;
const warnings = () => harness.log.filter((line) => line.level !== 'info');

describe('the index of a collection', () => {
  test('comes back from its file, without a word', async () => {
    const before = await answers(await filled(300));
    const catalogue = await harness.reopen();
    expect(await answers(catalogue.collection('shop'))).toEqual(before);
    const written = statSync(file).mtimeMs;
    await harness.reopen();
    expect(statSync(file).mtimeMs).toBe(written);
    expect(warnings()).toEqual([]);
  });

  test.each([
    ['deleted', () => rmSync(file), 'the index file is missing'],
    ['truncated', () => truncateSync(file, 5000), 'bytes, found 5000'],
    [
      'flipped in one bit',
      () => {
        const content = readFileSync(file);
        content[content.length >> 1]! ^= 4;
        writeFileSync(file, content);
      },
      'the checksum does not match',
    ],
  ])('is built again where its file was %s, and says so', async (_, damage, reason) => {
    const before = await answers(await filled(300));
    const closed = await harness.reopen();
    await closed.close();
    damage();
    const shop = (await harness.open()).collection('shop');
    // Right at once, before and after it is built.
    expect(await answers(shop)).toEqual(before);
    await eventually(() => warnings().length === 2);
    const fields = { collection: 'shop', reason: expect.stringContaining(reason), rows: 300 };
    expect(warnings()).toEqual([
      { level: 'warn', message: expect.stringContaining('refused'), fields },
      {
        level: 'warn',
        message: expect.stringContaining('built again'),
        fields: { ...fields, ms: expect.any(Number) },
      },
    ]);
    expect(await answers(shop)).toEqual(before);
    await harness.reopen();
    expect(warnings().length).toBe(2);
  });

  test('is built without a complaint where there is no file, as in a restored folder', async () => {
    const before = await answers(await filled(300));
    await (await harness.reopen()).close();
    // A graph without a manifest is none.
    rmSync(`${file}.json`);
    const shop = (await harness.open()).collection('shop');
    expect(await answers(shop)).toEqual(before);
    await green(shop);
    expect(warnings()).toEqual([]);
    expect([rows(), shop.info.indexed]).toEqual([300, 300]);
  });

  test('an old file is brought up to date with what was added, replaced and deleted since', async () => {
    const shop = await filled(300);
    const old = join(harness.directory, 'old');
    cpSync(join(harness.directory, 'indexes'), old, { recursive: true });
    shop.delete({ ids: Array.from({ length: 100 }, (_, i) => `i${2 * i}`) });
    await shop.upsert({ items: some(250, 350) });
    const before = await answers(shop);
    const catalogue = await harness.reopen();
    await catalogue.close();
    rmSync(join(harness.directory, 'indexes'), { recursive: true });
    cpSync(old, join(harness.directory, 'indexes'), { recursive: true });
    expect(await answers((await harness.open()).collection('shop'))).toEqual(before);
    expect(warnings()).toEqual([]);
  });

  test('a store put back from an older copy never meets the newer index', async () => {
    const first = await filled(110);
    const before = await answers(first);
    const db = join(harness.directory, 'attractor.db');
    const catalogue = await harness.reopen();
    await catalogue.close();
    const copy = readFileSync(db);
    const grown = (await harness.open()).collection('shop');
    await grown.upsert({ items: some(50, 160) });
    await green(grown);
    const newer = await harness.reopen();
    await newer.close();
    writeFileSync(db, copy);
    const shop = (await harness.open()).collection('shop');
    expect(await answers(shop)).toEqual(before);
    expect(warnings()[0]!.fields.reason).toMatch(/the file knows slot 219, the store has given out 110/);
  });

  test('another shape of graph is built where it is asked for', async () => {
    const before = await answers(await filled(200));
    const catalogue = await harness.reopen({ hnsw: { m: 8 } });
    expect(await answers(catalogue.collection('shop'))).toEqual(before);
    expect(warnings()[0]!.fields.reason).toBe('m: expected 8, the manifest says 16');
  });

  test('is compacted when most of the graph is dead', async () => {
    const shop = await filled(1200);
    shop.delete({ ids: Array.from({ length: 1000 }, (_, i) => `i${i}`) });
    expect((await answers(shop))[0]!.length).toBe(10);
    await green(shop);
    expect(rows()).toBe(200);
    await answers(shop);
    // Too few for a graph: there is none, and no file.
    shop.delete({ ids: Array.from({ length: 1150 }, (_, i) => `i${i}`) });
    await green(shop);
    expect([shop.info.count, shop.info.indexed, existsSync(file)]).toEqual([50, 0, false]);
    await answers(shop);
  });

  test('is compacted when that is asked for', async () => {
    const shop = await filled(300);
    shop.delete({ ids: Array.from({ length: 50 }, (_, i) => `i${i}`) });
    expect(rows()).toBe(300);
    await shop.compact();
    expect([rows(), shop.info.indexed]).toEqual([250, 250]);
    await answers(shop);
  });

  test('is extended when more than a few items lie outside it, and not before', async () => {
    const shop = await filled(300);
    await shop.upsert({ items: some(300, 320) });
    await green(shop);
    expect([rows(), shop.info.indexed]).toEqual([300, 300]);
    await shop.upsert({ items: some(320, 330) });
    await green(shop);
    expect([rows(), shop.info.indexed]).toEqual([330, 330]);
    expect(harness.log.map((line) => line.message)).toEqual(['graph built', 'graph extended']);
    await answers(shop);
  });

  test('is built anew where it cannot be gone on from', async () => {
    const shop = await filled(300);
    rmSync(file);
    await shop.upsert({ items: some(300, 330) });
    await green(shop);
    expect([rows(), shop.info.indexed]).toEqual([330, 330]);
    expect(warnings()).toMatchObject([{ level: 'error', fields: { work: 'extend' } }]);
    await answers(shop);
  });

  test('that does not fit into memory is not built, and the log says what it would take', async () => {
    const shop = await (await harness.open({ memory: () => 2 ** 20 })).createCollection({ name: 'shop' });
    await shop.upsert({ items: some(0, 3000) });
    await green(shop);
    expect(shop.info.indexed).toBe(0);
    const reason = expect.stringMatching(
      /^a graph of 3000 vectors takes \d MiB, and \d MiB while it is built; 1 MiB are free$/,
    );
    expect(warnings()).toMatchObject([{ level: 'error', fields: { reason } }]);
    await answers(shop);
    await expect(shop.compact()).rejects.toMatchObject({ code: 'index_invalid' });
  });

  test('that could not be built is tried again by itself, after longer and longer pauses', async () => {
    const pauses: number[] = [];
    let go = () => {};
    let left = 3;
    const catalogue = await harness.open({
      build: (job) => (left-- > 0 ? Promise.reject(new Error('no room')) : runBuildJob(job)),
      pause: (ms) =>
        new Promise<void>((resolve) => {
          pauses.push(ms);
          go = resolve;
        }),
    });
    const shop = await catalogue.createCollection({ name: 'shop' });
    await shop.upsert({ items: some(0, 300) });
    for (let failures = 1; failures <= 3; failures++) {
      await eventually(() => pauses.length === failures);
      await green(shop);
      expect([shop.buildFailures, shop.info.indexed]).toEqual([failures, 0]);
      // Changes meanwhile are no reason to try again.
      await shop.upsert({ items: some(300, 300 + failures) });
      expect(shop.info.status).toBe('green');
      await answers(shop);
      go();
    }
    await eventually(() => shop.info.indexed === 303);
    expect([pauses, shop.buildFailures]).toEqual([[10_000, 20_000, 40_000], 0]);
    expect(warnings().map(({ fields }) => fields.againInMs)).toEqual(pauses);
  });

  test('an index folder that cannot be written is an error in the log, not for the caller', async () => {
    const shop = await filled(150);
    rmSync(join(harness.directory, 'indexes'), { recursive: true });
    const before = await answers(shop);
    const catalogue = await harness.reopen();
    expect(await answers(catalogue.collection('shop'))).toEqual(before);
  });
});
