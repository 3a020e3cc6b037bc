import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HnswIndex } from '../../src/index/hnsw.ts';
import { loadIndex, removeIndex } from '../../src/index/index-file.ts';
import { createRng } from '../../src/math/rng.ts';
import { randomUnit } from '../reference/nearest.ts';
import { identity, build as save } from './build.ts';

const D = 6;
let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'attractor-index-'));
  path = join(directory, '3.hnsw');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** 400 slots, every tenth a copy of slot 0, all in a graph at `path`; every seventh removed since. */
async function build() {
  const rng = createRng(4);
  const index = new HnswIndex({ dimension: D, m: 6, efConstruction: 40 });
  const first = randomUnit(rng, D);
  for (let slot = 0; slot < 400; slot++) {
    index.add({ slot, vector: slot % 10 === 0 ? first : randomUnit(rng, D) });
  }
  await save({ index, path });
  for (let slot = 0; slot < 400; slot += 7) index.remove(slot);
  return { index, rng, queries: [first, ...Array.from({ length: 10 }, () => randomUnit(rng, D))] };
}

/** As after a restart: the vectors come from the store, the graph from the file. */
async function reopen(index: HnswIndex, options: { nextSlot?: number } = {}) {
  const opened = new HnswIndex({ dimension: D, m: 6, efConstruction: 40 });
  for (let slot = index.flat.next(-1); slot !== undefined; slot = index.flat.next(slot)) {
    opened.flat.add({ slot, vector: index.flat.vector(slot) });
  }
  const nextSlot = options.nextSlot ?? index.flat.highest + 1;
  opened.adopt(await loadIndex({ path, index: opened, identity, nextSlot }));
  return opened;
}

const search = (index: HnswIndex, queries: Float32Array[]) =>
  queries.map((vector) => index.search({ vector, k: 30, ef: 400 }));

const refused = (reason: RegExp) =>
  expect.objectContaining({ code: 'index_invalid', message: expect.stringMatching(reason) });

describe('a saved graph', () => {
  test('answers as before, without being built again', async () => {
    const { index, queries } = await build();
    expect(existsSync(`${path}.tmp`)).toBe(false);
    const opened = await reopen(index);
    expect([opened.graph.nodes, opened.graph.tombstones, opened.graph.through]).toEqual([
      index.graph.nodes,
      index.graph.tombstones,
      399,
    ]);
    expect(search(opened, queries)).toEqual(search(index, queries));
    opened.add({ slot: 400, vector: queries[3]! });
    expect(opened.search({ vector: queries[3]!, k: 1 }).slots[0]).toBe(400);
  });

  test('that is older than the store is brought up to date', async () => {
    const { index, rng, queries } = await build();
    for (let slot = 0; slot < 400; slot += 3) index.remove(slot); // nodes and twins
    for (let slot = 400; slot < 450; slot++) {
      index.add({ slot, vector: slot % 2 ? queries[0]! : randomUnit(rng, D) });
    }
    const opened = await reopen(index);
    expect(opened.graph.through).toBe(399);
    const before = search(opened, queries);
    await save({ index: opened, path, extend: true });
    expect([opened.graph.through, opened.inGraph]).toEqual([449, opened.size]);
    expect(search(opened, queries)).toEqual(before);
    expect(search(await reopen(opened), queries)).toEqual(before);
    expect(before).toEqual(search(index, queries));
    expect(before).toEqual(queries.map((vector) => index.flat.search({ vector, k: 30 })));
  });

  test('of which every slot is dead answers nothing and takes new ones', async () => {
    const { index, queries } = await build();
    for (let slot = 0; slot < 400; slot++) index.remove(slot);
    index.add({ slot: 400, vector: queries[0]! });
    const opened = await reopen(index);
    expect(Array.from(opened.search({ vector: queries[1]!, k: 5 }).slots)).toEqual([400]);
  });
});

describe('refused, and hnswlib never sees it', () => {
  test('missing, truncated, longer and garbled files', async () => {
    const { index } = await build();
    const good = readFileSync(path);
    const manifest = readFileSync(`${path}.json`);
    await removeIndex(path);
    await expect(reopen(index)).rejects.toEqual(refused(/no index manifest/));
    writeFileSync(path, good);
    writeFileSync(`${path}.json`, manifest);
    rmSync(path);
    await expect(reopen(index)).rejects.toEqual(refused(/file is missing/));
    for (const length of [0, 1, 95, 96, 1000, good.length - 1]) {
      writeFileSync(path, good);
      truncateSync(path, length);
      await expect(reopen(index)).rejects.toEqual(refused(/expected \d+ bytes, found/));
    }
    writeFileSync(path, Buffer.concat([good, Buffer.of(0)]));
    await expect(reopen(index)).rejects.toEqual(refused(/bytes, found/));
    writeFileSync(path, good);
    await expect(reopen(index)).resolves.toBeDefined();
  });

  test('any flipped bit, in header and body', async () => {
    const { index } = await build();
    const good = readFileSync(path);
    const rng = createRng(8);
    const places = [
      ...Array.from({ length: 96 }, (_, i) => i),
      ...Array.from({ length: 100 }, () => rng.int(good.length)),
    ];
    for (const at of places) {
      const flipped = Buffer.from(good);
      flipped[at]! ^= 1 << rng.int(8);
      writeFileSync(path, flipped);
      await expect(reopen(index)).rejects.toEqual(refused(/./));
    }
  });

  test('a manifest of anything else', async () => {
    const { index } = await build();
    const manifest = JSON.parse(readFileSync(`${path}.json`, 'utf8'));
    const changes = {
      magic: 'other',
      version: 2,
      collection: 4,
      fingerprint: 'sha256:bb',
      metric: 'l2',
      dimension: 7,
      m: 7,
      efConstruction: 41,
      rows: manifest.rows - 1,
      highestSlot: 398,
      bytes: manifest.bytes + 1,
      sha256: '00',
    };
    expect(Object.keys(changes)).toEqual(Object.keys(manifest));
    for (const [field, value] of Object.entries(changes)) {
      writeFileSync(`${path}.json`, JSON.stringify({ ...manifest, [field]: value }));
      await expect(reopen(index), field).rejects.toEqual(refused(/./));
    }
    for (const text of ['', '{', 'null', '[]', JSON.stringify({ ...manifest, extra: 1 })]) {
      writeFileSync(`${path}.json`, text);
      await expect(reopen(index)).rejects.toEqual(refused(/malformed/));
    }
  });

  test('a file with the right checksum and a structure that leads nowhere', async () => {
    const { index, queries } = await build();
    const good = readFileSync(path);
    const manifest = JSON.parse(readFileSync(`${path}.json`, 'utf8'));
    const rng = createRng(9);
    const outcomes = { refused: 0, harmless: 0 };
    for (let i = 0; i < 600; i++) {
      const bytes = Buffer.from(good);
      // Headers and upper links are few among the bytes, and the worst of them.
      const at = i < 96 ? i : rng.int(2) ? rng.int(good.length) : good.length - 1 - rng.int(4000);
      bytes[at] = rng.int(256);
      writeFileSync(path, bytes);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      writeFileSync(`${path}.json`, JSON.stringify({ ...manifest, sha256 }));
      const opened = await reopen(index).catch((error) => {
        expect(error).toEqual(refused(/./));
        outcomes.refused++;
      });
      if (!opened) continue;
      // Another link or a worse one: fewer hits at worst, never a wrong one, a crash, or a walk without end.
      for (const { slots } of search(opened, queries)) {
        expect(slots.length).toBe(30);
        expect([...slots].every((slot) => index.has(slot))).toBe(true);
      }
      outcomes.harmless++;
    }
    expect(outcomes.refused).toBeGreaterThan(100);
    expect(outcomes.harmless).toBeGreaterThan(100);
  });

  test('a file from another life of the store: slots given out again', async () => {
    const { index, rng } = await build();
    await expect(reopen(index, { nextSlot: 399 })).rejects.toEqual(refused(/knows slot 399/));
    const other = new HnswIndex({ dimension: D });
    for (let slot = 0; slot < 400; slot++) {
      other.add({
        slot,
        vector:
          slot === 201 ? randomUnit(rng, D) : index.has(slot) ? index.flat.vector(slot) : randomUnit(rng, D),
      });
    }
    for (let slot = 0; slot < 400; slot++) if (!index.has(slot) && slot !== 201) other.remove(slot);
    await expect(reopen(other)).rejects.toEqual(refused(/slot 201 holds another vector/));
  });

  test('a live slot that the graph does not have', async () => {
    const { index } = await build();
    const partial = new HnswIndex({ dimension: D, m: 6, efConstruction: 40 });
    for (let slot = 0; slot < 400; slot++) {
      if (slot !== 201 && index.has(slot)) partial.add({ slot, vector: index.flat.vector(slot) });
    }
    await save({ index: partial, path });
    await expect(reopen(index)).rejects.toEqual(refused(/slot 201 is not in the graph/));
  });
});

describe('a graph that cannot be saved says so and leaves the last good file', () => {
  test('full disk: hnswlib wrote nothing and said nothing', async ({ skip }) => {
    if (!existsSync('/dev/full')) skip();
    const { index, queries } = await build();
    symlinkSync('/dev/full', `${path}.tmp`);
    await expect(save({ index, path })).rejects.toEqual(refused(/could not be saved/));
    expect(search(await reopen(index), queries)).toEqual(search(index, queries));
  });

  test('missing folder', async () => {
    const { index } = await build();
    const gone = join(directory, 'gone', '3.hnsw');
    await expect(save({ index, path: gone })).rejects.toEqual(refused(/could not be saved/));
  });
});
