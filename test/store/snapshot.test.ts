import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRng } from '../../src/math/rng.ts';
import { MIGRATIONS } from '../../src/store/schema.ts';
import { restoreSnapshot, takeSnapshot } from '../../src/store/snapshot.ts';
import { bytes, Harness } from '../catalogue/harness.ts';

let harness: Harness;
let other: Harness;
let folder: string;
beforeEach(() => {
  harness = new Harness();
  other = new Harness();
  folder = mkdtempSync(join(tmpdir(), 'attractor-snapshot-'));
});
afterEach(async () => {
  await harness.dispose();
  await other.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const code = (name: string) => expect.objectContaining({ code: name });
const startsWith = (name: string) => expect.stringMatching(new RegExp(`^${name}: `));
const path = () => join(folder, 'shop.snapshot');

async function filled() {
  const shop = await (await harness.open()).createCollection({ name: 'shop' });
  await shop.upsert({
    items: Array.from({ length: 50 }, (_, n) => ({
      id: `i${n}`,
      group: `g${n % 5}`,
      image: bytes(`photo ${n % 20}`),
      tags: [`t${n % 3}`],
      attributes: { n },
    })),
  });
  return shop;
}

describe('a snapshot', () => {
  test('of an open store, restored elsewhere, answers as the store did', async () => {
    const shop = await filled();
    shop.delete({ ids: ['i3', 'i4'] });
    const query = { by: { image: bytes('photo 7') }, limit: 60, filter: 'n < 40', withVector: true };
    const { hits } = await shop.query(query);
    const info = await takeSnapshot({ directory: harness.directory, path: path() });
    expect(info.bytes).toBe(readFileSync(path()).length);
    expect(readdirSync(folder)).toEqual(['shop.snapshot']);
    // What comes later is not in it.
    await shop.upsert({ items: [{ id: 'late', image: bytes('photo 7') }] });
    expect(await restoreSnapshot({ path: path(), directory: other.directory })).toEqual(info);
    const again = (await other.open()).collection('shop');
    expect(again.info.count).toBe(48);
    expect((await again.query(query)).hits).toEqual(hits);
    expect(again.image({ id: 'i7' }).bytes).toEqual(Buffer.from('photo 7'));
  });

  test('never overwrites: neither a file nor a store', async () => {
    await filled();
    await takeSnapshot({ directory: harness.directory, path: path() });
    await expect(takeSnapshot({ directory: harness.directory, path: path() })).rejects.toEqual(
      code('invalid_argument'),
    );
    const restore = { path: path(), directory: harness.directory };
    await expect(restoreSnapshot(restore)).rejects.toEqual(code('invalid_argument'));
    const nowhere = { directory: join(folder, 'none'), path: join(folder, 'x') };
    await expect(takeSnapshot(nowhere)).rejects.toEqual(code('invalid_argument'));
    await expect(restoreSnapshot({ path: join(folder, 'none'), directory: other.directory })).rejects.toEqual(
      code('invalid_argument'),
    );
  });

  test('at a place that cannot be is refused in one line; a restore that fails takes away the folders it made', async () => {
    await filled();
    for (const place of [join(folder, 'none/x'), '/proc/x', join(harness.directory, 'attractor.db/x')]) {
      const refused = { code: 'invalid_argument', message: expect.stringContaining(place) };
      const taken = takeSnapshot({ directory: harness.directory, path: place });
      await expect(taken).rejects.toMatchObject(refused);
    }
    await takeSnapshot({ directory: harness.directory, path: path() });
    for (const directory of [join(path(), 'y'), '/proc/x/y']) {
      const refused = { code: 'invalid_argument', field: 'directory' };
      await expect(restoreSnapshot({ path: path(), directory })).rejects.toMatchObject(refused);
    }
    await expect(restoreSnapshot({ path: folder, directory: other.directory })).rejects.toEqual(
      code('invalid_argument'),
    );
    const changed = readFileSync(path());
    changed[5000]! ^= 1;
    writeFileSync(path(), changed);
    const restore = restoreSnapshot({ path: path(), directory: join(folder, 'new/data') });
    await expect(restore).rejects.toEqual(code('snapshot_invalid'));
    expect(readdirSync(folder)).toEqual(['shop.snapshot']);
  });

  test('that is cut off, changed anywhere, foreign or newer is refused, and leaves nothing', async () => {
    await filled();
    await takeSnapshot({ directory: harness.directory, path: path() });
    const whole = readFileSync(path());
    const rng = createRng(4);
    const damages: [string, (file: Buffer) => Buffer][] = [
      ['cut', (file) => file.subarray(0, file.length - 100)],
      ['empty', () => Buffer.alloc(0)],
      ['longer', (file) => Buffer.concat([file, Buffer.alloc(10)])],
      ['no trailer', (file) => file.subarray(0, file.length - 64)],
      ['only a trailer', (file) => file.subarray(file.length - 64)],
      ['newer', (file) => Buffer.from(file).fill(9, file.length - 56, file.length - 55)],
      ...Array.from({ length: 40 }, (): [string, (file: Buffer) => Buffer] => [
        'a bit',
        (file) => {
          const changed = Buffer.from(file);
          // The zero bytes at the end of the trailer say nothing.
          changed[rng.int(file.length - 8)]! ^= 1 << rng.int(8);
          return changed;
        },
      ]),
    ];
    for (const [name, damage] of damages) {
      const changed = damage(whole);
      // The four zero bytes after the version say nothing either.
      const silent = whole.subarray(-52, -48);
      if (changed.length === whole.length && !changed.subarray(-52, -48).equals(silent)) continue;
      writeFileSync(path(), changed);
      const restore = restoreSnapshot({ path: path(), directory: other.directory });
      await expect(restore, name).rejects.toEqual(code('snapshot_invalid'));
      expect(readdirSync(other.directory), name).toEqual([]);
    }
  });

  test('of a newer store is neither taken nor restored, and the error names what the caller did', async () => {
    await filled();
    await takeSnapshot({ directory: harness.directory, path: path() });
    const trailer = readFileSync(path()).subarray(-64);
    truncateSync(path(), readFileSync(path()).length - 64);
    const db = new Database(path());
    db.pragma(`user_version = ${MIGRATIONS.length + 1}`);
    db.close();
    const store = join(other.directory, 'attractor.db');
    copyFileSync(path(), store);
    const taken = takeSnapshot({ directory: other.directory, path: join(folder, 'taken') });
    await expect(taken).rejects.toMatchObject({ code: 'store_newer', message: startsWith(store) });
    rmSync(store);
    createHash('sha256').update(readFileSync(path())).digest().copy(trailer, 24);
    appendFileSync(path(), trailer);
    const restored = restoreSnapshot({ path: path(), directory: other.directory });
    await expect(restored).rejects.toMatchObject({ code: 'store_newer', message: startsWith(path()) });
    expect(readdirSync(other.directory)).toEqual([]);
  });

  test('of a damaged store is not taken', async () => {
    await filled();
    await harness.dispose();
    harness = new Harness();
    await filled();
    await (await harness.reopen()).close();
    const store = join(harness.directory, 'attractor.db');
    truncateSync(store, Math.floor(readFileSync(store).length / 2));
    await expect(takeSnapshot({ directory: harness.directory, path: path() })).rejects.toEqual(
      code('store_corrupt'),
    );
    expect(existsSync(path())).toBe(false);
    expect(readdirSync(folder)).toEqual([]);
    rmSync(store);
  });

  test('taken while another process writes is one state of its store', { timeout: 60_000 }, async () => {
    const child = fileURLToPath(new URL('../crash/child.ts', import.meta.url));
    const writer = spawn(process.execPath, ['--import', 'tsx', child, harness.directory, '0']);
    let written = '';
    writer.stdout.on('data', (chunk) => {
      written += chunk;
    });
    try {
      for (let round = 0; round < 5; round++) {
        const before = written.split('\n').length;
        await expect.poll(() => written.split('\n').length, { timeout: 20_000 }).toBeGreaterThan(before + 20);
        const acknowledged = written.split('\n').filter((line) => line.startsWith('+'));
        const gone = new Set(
          written
            .split('\n')
            .filter((line) => line.startsWith('-'))
            .map((line) => line.slice(1)),
        );
        const file = join(folder, `${round}.snapshot`);
        await takeSnapshot({ directory: harness.directory, path: file });
        const directory = join(folder, `${round}`);
        await restoreSnapshot({ path: file, directory });
        const reader = new Harness();
        rmSync(reader.directory, { recursive: true });
        Object.assign(reader, { directory });
        const shop = (await reader.open()).collection('shop');
        const has = (id: string) => {
          try {
            return shop.get({ id }).id === id;
          } catch {
            return false;
          }
        };
        expect(shop.info.count).toBeGreaterThan(0);
        // All that was acknowledged before it began, but what the writer has deleted since.
        const missing = acknowledged.map((line) => line.slice(1)).filter((id) => !gone.has(id) && !has(id));
        for (const id of missing) expect(Number(id.slice(1)) % 3, id).toBe(0);
        await reader.dispose();
      }
    } finally {
      writer.kill('SIGKILL');
    }
  });
});
