import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { graphBytes } from '../../src/index/build.ts';
import { HnswIndex } from '../../src/index/hnsw.ts';
import { createRng } from '../../src/math/rng.ts';
import { MOST_WASM_BYTES } from '../../src/math/wasm-memory.ts';
import { vectorIndexContract } from '../contracts/vector-index.contract.ts';
import { randomUnit } from '../reference/nearest.ts';
import { build, buildOnce } from './build.ts';

const folder = mkdtempSync(join(tmpdir(), 'attractor-hnsw-'));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;

vectorIndexContract('hnsw, built anew at every turn', (dimension) => {
  const index = new HnswIndex({ dimension });
  return { index, settle: () => buildOnce(index) };
});

vectorIndexContract('hnsw, extended at every turn', (dimension) => {
  const index = new HnswIndex({ dimension });
  const path = join(folder, String(files++));
  return { index, settle: () => build({ index, path, extend: existsSync(path) }) };
});

/** 3,000 clustered vectors in a graph. */
async function clustered() {
  const rng = createRng(11);
  const dimension = 32;
  const centres = Array.from({ length: 30 }, () => randomUnit(rng, dimension));
  const near = (): Float32Array => {
    const centre = centres[rng.int(centres.length)]!;
    const v = centre.map((x) => x + 0.12 * rng.normal());
    const norm = Math.hypot(...v);
    return v.map((x) => x / norm);
  };
  const index = new HnswIndex({ dimension });
  for (let slot = 0; slot < 3000; slot++) index.add({ slot, vector: near() });
  await buildOnce(index);
  return { index, near, rng };
}

function recall(index: HnswIndex, queries: Float32Array[], k = 10): number {
  let hit = 0;
  let wanted = 0;
  for (const vector of queries) {
    const truth = new Set(index.flat.search({ vector, k }).slots);
    for (const slot of index.search({ vector, k }).slots) if (truth.has(slot)) hit++;
    wanted += truth.size;
  }
  return hit / wanted;
}

describe('HnswIndex', () => {
  test('recall, ef per query, tombstones and a graph without them', async () => {
    const { index, near } = await clustered();
    const queries = Array.from({ length: 60 }, near);
    expect(recall(index, queries)).toBeGreaterThan(0.99);
    const again = buildOnce(index);
    expect(index.graph.nodes).toBe(3000); // the old graph serves
    await again;

    // The graph does the work: with the narrowest search it must miss something that the wide one finds.
    const vector = queries[0]!;
    const narrow = queries.map((v) => index.search({ vector: v, k: 1, ef: 1 }).scores[0]!);
    const wide = queries.map((v) => index.search({ vector: v, k: 1, ef: 500 }).scores[0]!);
    expect(narrow.some((score, i) => score < wide[i]!)).toBe(true);
    expect(index.search({ vector, k: 5, ef: 500 })).toEqual(index.flat.search({ vector, k: 5 }));

    for (let slot = 0; slot < 3000; slot++) if (slot % 10 !== 0) index.remove(slot);
    expect([index.graph.nodes, index.graph.tombstones, index.size]).toEqual([3000, 2700, 300]);
    expect(recall(index, queries)).toBeGreaterThan(0.99);

    const built = buildOnce(index);
    // Most rows are dead: they are gone, and the graph that walked through them. The others are scanned.
    expect(index.graph.nodes).toBe(0);
    index.remove(0);
    index.remove(2990);
    index.add({ slot: 3000, vector });
    expect(index.search({ vector, k: 1 }).slots[0]).toBe(3000);
    await built;
    // What was removed while it was read is dead in it too.
    expect([index.graph.nodes, index.graph.tombstones, index.size]).toEqual([300, 2, 299]);
    expect(index.search({ vector, k: 1 }).slots[0]).toBe(3000);
    expect(recall(index, queries)).toBeGreaterThan(0.99);
  });

  test('rows behind the graph are squeezed, and those that it walks through stay until most are dead', async () => {
    const { index, near } = await clustered();
    const queries = Array.from({ length: 20 }, near);
    const held = () => index.flat.bytes.vectors;
    // One item that is given a new vector again and again.
    let slot = 3000;
    index.add({ slot, vector: near() });
    for (; slot < 80_000; slot++) {
      index.add({ slot: slot + 1, vector: near() });
      index.remove(slot);
    }
    expect([index.graph.nodes, index.graph.tombstones, index.size]).toEqual([3000, 0, 3001]);
    expect(index.flat.squeezes).toBeGreaterThan(20);
    // Of 80,000 rows 16,384 at most.
    expect(held()).toBeLessThanOrEqual(2 ** 21);
    expect(recall(index, queries)).toBeGreaterThan(0.99);

    for (let old = 0; old < 2000; old++) index.remove(old);
    const { squeezes } = index.flat;
    expect([index.flat.mostlyDead, index.graph.tombstones]).toEqual([true, 2000]);
    await buildOnce(index);
    expect([index.flat.squeezes, index.flat.mostlyDead]).toEqual([squeezes + 1, false]);
    expect([index.graph.nodes, index.graph.tombstones, index.inGraph]).toEqual([1001, 0, 1001]);
    expect(recall(index, queries)).toBeGreaterThan(0.99);
  });

  test('takes no more memory than was stated, and not much less', async () => {
    const { index } = await clustered();
    const { copies, links, walk } = index.flat.bytes;
    const stated = graphBytes({ shape: index.shape, rows: 3000 });
    expect(copies + links + walk).toBeLessThanOrEqual(stated.copies);
    expect(links + walk).toBeLessThanOrEqual(stated.served);
    expect(copies + links + walk).toBeGreaterThan(stated.copies / 2);
    // What one WebAssembly memory holds.
    const ofRows = (rows: number) => graphBytes({ shape: { ...index.shape, dimension: 128 }, rows }).copies;
    expect(ofRows(16e6)).toBeLessThan(MOST_WASM_BYTES);
    expect(ofRows(17e6)).toBeGreaterThan(MOST_WASM_BYTES);
  });

  test('equal vectors share a node', async () => {
    const { index, near } = await clustered();
    const placeholder = near();
    for (let slot = 3000; slot < 5000; slot++) index.add({ slot, vector: placeholder });
    await buildOnce(index);
    expect(index.graph.nodes).toBe(3001);
    expect(recall(index, Array.from({ length: 60 }, near))).toBeGreaterThan(0.99);
  });

  test.each([
    [{ m: 1 }, /m: expected/],
    [{ m: 8, efConstruction: 4 }, /efConstruction: expected/],
    [{ ef: 0 }, /ef: expected/],
    [{ from: 0 }, /from: expected/],
  ])('refuses %j', (options, message) => {
    expect(() => new HnswIndex({ dimension: 4, ...options })).toThrow(message);
  });
});
