// kill -9 of a real process in the middle of its writes: whatever it had acknowledged is there, found, and not doubled.
// Each kill is looked at in a copy of the folder, so that the next process starts from the ruins themselves.

import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Collection } from '../../src/catalogue/types.ts';
import type { DatasetRow } from '../../src/dataset/row.ts';
import { createRng } from '../../src/math/rng.ts';
import { importRows } from '../../src/tasks/import.ts';
import { bytes, Harness } from '../catalogue/harness.ts';

/** `npm run test:long` has many. */
const ROUNDS = process.env.ATTRACTOR_LONG_TESTS === '1' ? 200 : 8;
const BATCH = 8;
const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'attractor-crash-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Runs the child until it has written `lines` lines and `ms` more have passed. Returns what it wrote. */
async function killAfter(first: number, lines: number, ms: number): Promise<string[]> {
  const child = spawn(process.execPath, ['--import', 'tsx', CHILD, directory, String(first)]);
  let text = '';
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  child.stdout.on('data', (chunk) => {
    text += chunk;
    if (text.split('\n').length > lines) setTimeout(() => child.kill('SIGKILL'), ms);
  });
  const signal = await new Promise((resolve) => child.once('close', (_, name) => resolve(name)));
  expect([signal, errors]).toEqual(['SIGKILL', '']);
  return text.split('\n').filter((line) => line !== '');
}

const has = (shop: Collection, id: string): boolean => {
  try {
    return shop.get({ id }).id === id;
  } catch {
    return false;
  }
};

test(`${ROUNDS} kills: no acknowledged write is lost, none is doubled`, {
  timeout: 15_000 * ROUNDS,
}, async () => {
  const rng = createRng(2024);
  /** Acknowledged as there, acknowledged as deleted. */
  const live = new Set<string>();
  const gone = new Set<string>();
  let next = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const lines = await killAfter(next, 1 + rng.int(400), rng.int(30));
    for (const line of lines) {
      const id = line.slice(1);
      (line.startsWith('+') ? live : gone).add(id);
      if (line.startsWith('-')) live.delete(id);
      next = Math.max(next, Number(id.slice(1)) + 1);
    }

    const harness = new Harness();
    try {
      cpSync(directory, harness.directory, { recursive: true });
      const shop = (await harness.open()).collection('shop');
      // In flight at the kill: the next batch, or the deletes of the last one. Either is whole or not there at all.
      const upserting = Array.from({ length: BATCH }, (_, i) => `i${next + i}`).filter((id) => has(shop, id));
      expect([0, BATCH]).toContain(upserting.length);
      const deleting = [...live].filter(
        (id) => Number(id.slice(1)) >= next - BATCH && Number(id.slice(1)) % 3 === 0,
      );
      const deleted = deleting.filter((id) => !has(shop, id));
      expect([0, deleting.length]).toContain(deleted.length);
      for (const id of deleted) live.delete(id);
      for (const id of upserting) live.add(id);
      next += BATCH;

      expect([...live].filter((id) => !has(shop, id))).toEqual([]);
      expect([...gone].filter((id) => has(shop, id))).toEqual([]);
      expect(shop.info.count).toBe(live.size);
      for (const id of rng.shuffle([...live]).slice(0, 25)) {
        for (const how of [{ exact: true }, { ef: 100 }]) {
          const { hits } = await shop.query({ by: { image: bytes(`photo ${id}`) }, limit: 3, ...how });
          expect(hits[0]).toMatchObject({ id, score: expect.closeTo(1, 6) });
          expect(new Set(hits.map((hit) => hit.id)).size).toBe(Math.min(3, live.size));
        }
      }
      if (round === ROUNDS - 1) await importAgain(harness, shop, [...live].slice(-200));
      // All of it from stored vectors: nothing was embedded again.
      expect(harness.embedder.embedded).toEqual([]);
      expect(harness.log.filter((line) => line.level === 'error')).toEqual([]);
    } finally {
      await harness.dispose();
    }
  }
});

async function importAgain(harness: Harness, collection: Collection, ids: string[]): Promise<void> {
  const folder = join(harness.directory, 'photos');
  mkdirSync(folder);
  const rows = ids.map((id, n): DatasetRow => {
    const image = join(folder, `${n}.jpg`);
    writeFileSync(image, `photo ${id}`);
    return { line: n + 1, id, label: id, image, tags: [], attributes: {} };
  });
  const { count } = collection.info;
  const report = await importRows({ collection, rows });
  expect(report).toEqual({ created: 0, updated: 0, unchanged: rows.length, failed: [] });
  expect(collection.info.count).toBe(count);
}
