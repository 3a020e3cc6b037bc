// A disk that is really full, in the middle of writing: what was acknowledged stays, what was not leaves nothing, and all goes
// on when there is room again. On a small file system of its own; where none can be mounted this is skipped, and says so.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { openCatalogue } from '../../src/catalogue/catalogue.ts';
import type { Catalogue } from '../../src/catalogue/types.ts';
import { createRng } from '../../src/math/rng.ts';
import { ByteEmbedder } from '../reference/byte-embedder.ts';
import { randomUnit } from '../reference/nearest.ts';

const D = 64;
let mounted: string | undefined;
let catalogue: Catalogue | undefined;

function mount(size: string): boolean {
  const path = mkdtempSync(join(tmpdir(), 'attractor-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    rmSync(path, { recursive: true });
    return false;
  }
  mounted = path;
  return true;
}

const resize = (size: string) => execFileSync('mount', ['-o', `remount,size=${size}`, mounted!]);

afterEach(async () => {
  await catalogue?.close();
  if (!mounted) return;
  execFileSync('umount', [mounted]);
  rmSync(mounted, { recursive: true });
});

test('a full disk', { timeout: 120_000 }, async ({ skip }) => {
  if (!mount('6m')) skip('no file system can be mounted here');
  const log: { level: string; fields: Record<string, unknown>; message: string }[] = [];
  const write = (level: string) => (fields: object, message: string) => {
    log.push({ level, fields: fields as Record<string, unknown>, message });
  };
  const embedder = new ByteEmbedder({ dimension: D });
  const open = () =>
    openCatalogue({
      directory: mounted!,
      models: async (name) => ({ name, fingerprint: embedder.fingerprint, dimension: D }),
      embedderFor: async () => embedder,
      defaultModel: 'bytes',
      logger: { info: write('info'), warn: write('warn'), error: write('error') },
      hnsw: { from: 7000 },
    });
  catalogue = await open();
  const shop = await catalogue.createCollection({ name: 'shop' });
  const rng = createRng(3);
  const kept = new Map<string, Float32Array>();
  const fill = async (batches: number) => {
    for (let batch = 0; batch < batches; batch++) {
      const items = Array.from({ length: 100 }, () => ({
        id: `i${kept.size + rng.int(1e9)}`,
        vector: randomUnit(rng, D),
      }));
      await shop.upsert({ items });
      for (const { id, vector } of items) kept.set(id, vector);
    }
  };
  const check = async (of: Catalogue) => {
    const again = of.collection('shop');
    expect(again.info.count).toBe(kept.size);
    for (const [id, vector] of [...kept].slice(-50)) {
      const { hits } = await again.query({ by: { vector }, limit: 1 });
      expect(hits[0]).toMatchObject({ id, score: expect.closeTo(1, 6) });
    }
  };

  // In the middle of an upsert.
  await expect(fill(1000)).rejects.toMatchObject({ code: 'store_full', status: 507 });
  expect(kept.size).toBeGreaterThan(1000);
  expect(kept.size).toBeLessThan(6900);
  await check(catalogue);

  // With room for the items and none for their graph: hnswlib says nothing of what it could not write.
  resize('32m');
  await fill(Math.ceil((6900 - kept.size) / 100));
  writeFileSync(join(mounted!, 'ballast'), new Uint8Array(1));
  const room = () =>
    Number(execFileSync('df', ['--output=avail', '-B1', mounted!], { encoding: 'utf8' }).split('\n')[1]);
  writeFileSync(join(mounted!, 'ballast'), new Uint8Array(Math.max(0, room() - 700_000)));
  await fill(1);
  await expect.poll(() => shop.info.status, { timeout: 60_000 }).toBe('green');
  expect(shop.info.indexed).toBe(0);
  expect(log.at(-1)).toMatchObject({ level: 'error', message: 'a graph was not built' });
  await check(catalogue);

  // And when there is room again.
  rmSync(join(mounted!, 'ballast'));
  await shop.compact();
  expect(shop.info.indexed).toBe(kept.size);
  await check(catalogue);
  await catalogue.close();
  catalogue = await open();
  expect(catalogue.collection('shop').info.indexed).toBe(kept.size);
  await check(catalogue);
});
