import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { APPLICATION_ID, MIGRATIONS } from '../../src/store/schema.ts';
import { openStore, type Store } from '../../src/store/store.ts';

let directory: string;
let path: string;
let opened: Store[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'attractor-store-'));
  path = join(directory, 'attractor.db');
  opened = [];
});
afterEach(() => {
  for (const store of opened) if (store.open) store.close();
  rmSync(directory, { recursive: true, force: true });
});

function open(): Store {
  const store = openStore({ directory });
  opened.push(store);
  return store;
}

const code = (name: string, message = /./) =>
  expect.objectContaining({ code: name, message: expect.stringMatching(message) });
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const shop = { name: 'shop', model: 'm', fingerprint: 'f', dimension: 2, metric: 'cosine' as const };
const row = (collection: number, slot: number, imageHash: string | null = null) => ({
  collection,
  slot,
  id: `i${slot}`,
  group: 'g',
  tags: '[]',
  attributes: '{}',
  imageHash,
  vector: Float32Array.of(slot, 1),
});

describe('the store', () => {
  test('commits durably: WAL and synchronous FULL', () => {
    const pragma = vi.spyOn(Database.prototype, 'pragma');
    open();
    const db = pragma.mock.contexts.at(-1) as Database.Database;
    pragma.mockRestore();
    expect(db.name).toBe(path);
    const read = (name: string) => db.pragma(name, { simple: true });
    expect([read('journal_mode'), read('synchronous'), read('foreign_keys')]).toEqual(['wal', 2, 1]);
    expect([read('application_id'), read('user_version')]).toEqual([APPLICATION_ID, MIGRATIONS.length]);
  });

  test('a transaction is all or nothing', () => {
    const store = open();
    const { id } = store.createCollection(shop);
    expect(() =>
      store.transaction(() => {
        store.items.insert(row(id, store.items.takeSlot(id)));
        store.setMeta('k', 'v');
        throw new Error('half way');
      }),
    ).toThrow('half way');
    expect([store.items.byId(id, 'i0'), store.getMeta('k'), store.items.nextSlot(id)]).toEqual([
      undefined,
      undefined,
      0,
    ]);
  });

  test('slots go up through deletes and restarts, to 2^32 - 1 and no further', () => {
    const store = open();
    const { id } = store.createCollection(shop);
    for (let slot = 0; slot < 3; slot++) store.items.insert(row(id, store.items.takeSlot(id)));
    store.items.delete(id, store.items.bySlot(id, 2)!);
    store.close();
    const again = open();
    expect(again.items.takeSlot(id)).toBe(3);
    again.close();
    const db = new Database(path);
    db.exec('UPDATE collection SET next_slot = 4294967295');
    db.close();
    const last = open();
    expect(last.items.takeSlot(id)).toBe(2 ** 32 - 1);
    expect(() => last.items.takeSlot(id)).toThrow(/CHECK constraint/);
  });

  test('a dropped collection takes its items and its images with it, and its id never returns', () => {
    const store = open();
    const a = store.createCollection(shop).id;
    const b = store.createCollection({ ...shop, name: 'other' }).id;
    const [own, both] = [Buffer.from('own'), Buffer.from('both')];
    for (const image of [own, both]) store.items.putImage(sha256(image), image);
    store.items.insert(row(a, 0, sha256(own)));
    store.items.insert(row(a, 1, sha256(both)));
    store.items.insert(row(b, 0, sha256(both)));
    store.dropCollection(a);
    expect([store.items.image(sha256(own)), store.items.image(sha256(both))]).toEqual([undefined, both]);
    expect(store.items.page({ collection: a, dimension: 2, after: -1, limit: 9 })).toEqual([]);
    store.dropCollection(b);
    expect(store.createCollection(shop).id).toBe(3);
  });

  test('an image leaves with its last item; cached vectors stay', () => {
    const store = open();
    const { id } = store.createCollection(shop);
    const image = Buffer.from('photo');
    const hash = sha256(image);
    store.items.putImage(hash, image);
    store.items.putImage(hash, image);
    store.items.cacheVector(hash, 'f', Float32Array.of(1, 2));
    store.items.insert(row(id, 0, hash));
    store.items.insert(row(id, 1, hash));
    store.items.delete(id, store.items.bySlot(id, 0)!);
    expect(store.items.image(hash)).toEqual(image);
    store.items.delete(id, store.items.bySlot(id, 1)!);
    expect(store.items.image(hash)).toBeUndefined();
    expect(store.items.cachedVector(hash, 'f')).toEqual(Float32Array.of(1, 2));
    expect(store.items.cachedVector(hash, 'other')).toBeUndefined();
  });

  test('items come in pages, ascending', () => {
    const store = open();
    const { id } = store.createCollection(shop);
    for (const slot of [5, 1, 9, 3]) store.items.insert(row(id, slot));
    const page = (after: number) => store.items.page({ collection: id, dimension: 2, after, limit: 3 });
    expect(page(-1)).toEqual(
      [1, 3, 5].map((slot) => ({ slot, tags: '[]', attributes: '{}', vector: Float32Array.of(slot, 1) })),
    );
    expect(page(5).map((entry) => entry.slot)).toEqual([9]);
  });
});

describe('the lock', () => {
  test('one opening at a time, by name of the process; released by close', () => {
    const store = open();
    expect(() => open()).toThrow(code('store_locked', new RegExp(`process ${process.pid}\\b`)));
    store.close();
    open().close();
  });

  test('another process holds it until it dies, however it dies', async () => {
    const source = `
      const { openStore } = await import(${JSON.stringify(new URL('../../src/store/store.ts', import.meta.url).href)});
      openStore({ directory: ${JSON.stringify(directory)} });
      console.log('open');
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', source]);
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.stderr.on('data', (text) => reject(new Error(String(text))));
    });
    expect(() => open()).toThrow(code('store_locked', new RegExp(`process ${child.pid}\\b`)));
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
    // The pid file is stale now; the lock is not.
    expect(readFileSync(join(directory, 'attractor.pid'), 'utf8')).toBe(`${child.pid}\n`);
    expect(open().collections()).toEqual([]);
  });
});

describe('refused, with the way out, and left as it was', () => {
  const refused = (bytes: Buffer, error: unknown) => {
    writeFileSync(path, bytes);
    expect(() => open()).toThrow(error as Error);
    expect(readFileSync(path)).toEqual(bytes);
    // The folder is not left locked.
    expect(() => open()).toThrow(error as Error);
  };

  test('a newer store', () => {
    open().close();
    const db = new Database(path);
    db.pragma(`user_version = ${MIGRATIONS.length + 1}`);
    db.close();
    refused(
      readFileSync(path),
      code('store_newer', /newer Attractor that wrote it, or restore a snapshot .* before the upgrade/),
    );
  });

  test('a SQLite file of something else', () => {
    const db = new Database(path);
    db.exec('CREATE TABLE theirs (a)');
    db.close();
    refused(readFileSync(path), code('store_corrupt', /not an Attractor store.*copy of the data folder/));
  });

  test('a file that is no SQLite file, cut short, or damaged inside', () => {
    const store = open();
    const { id } = store.createCollection(shop);
    store.transaction(() => {
      for (let slot = 0; slot < 500; slot++) store.items.insert(row(id, slot));
    });
    store.close();
    const good = readFileSync(path);
    refused(
      Buffer.from('just some text, no database'.repeat(100)),
      code('store_corrupt', /not a SQLite file/),
    );
    refused(good.subarray(0, good.length >> 1), code('store_corrupt', /damaged.*copy of the data folder/));
    const page = Buffer.from(good);
    for (let at = 4096 * 4; at < good.length; at += 4096) page.fill(0x5a, at, at + 200);
    refused(page, code('store_corrupt', /damaged/));
  });

  test('a vector or an image that is not what was stored', () => {
    const store = open();
    const { id } = store.createCollection(shop);
    const hash = sha256(Buffer.from('photo'));
    store.items.putImage(hash, Buffer.from('phot0'));
    expect(() => store.items.image(hash)).toThrow(code('store_corrupt', /image/));
    for (const vector of [Float32Array.of(Number.NaN, 1), Float32Array.of(1, 2, 3), new Float32Array(0)]) {
      store.items.insert({ ...row(id, 0), vector });
      const read = () => store.items.page({ collection: id, dimension: 2, after: -1, limit: 9 });
      expect(read).toThrow(code('store_corrupt', /slot 0/));
      store.items.delete(id, store.items.bySlot(id, 0)!);
    }
  });
});
