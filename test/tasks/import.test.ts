import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DatasetRow } from '../../src/dataset/row.ts';
import { bytesOf } from '../../src/embed/embedder.ts';
import { AttractorError } from '../../src/errors/error.ts';
import { importRows } from '../../src/tasks/import.ts';
import { Harness } from '../catalogue/harness.ts';
import { ByteEmbedder } from '../reference/byte-embedder.ts';

let harness: Harness;
let folder: string;
beforeEach(() => {
  harness = new Harness();
  folder = join(harness.directory, 'photos');
  mkdirSync(folder);
});
afterEach(() => harness.dispose());

const open = async () => (await harness.open()).createCollection({ name: 'shop' });

/** Row n; its photo says `text`. */
function row(n: number, text = `photo ${n}`): DatasetRow {
  const image = join(folder, `${n}.jpg`);
  writeFileSync(image, text);
  return { line: n + 2, id: `i${n}`, label: `p${n % 3}`, image, tags: ['t'], attributes: { n } };
}

const rows = (count: number) => Array.from({ length: count }, (_, n) => row(n));

describe('importRows', () => {
  test('imports in batches, reports each, and does nothing twice', async () => {
    const collection = await open();
    const progress: unknown[] = [];
    const options = {
      collection,
      rows: rows(10),
      batchSize: 4,
      onProgress: (p: unknown) => progress.push(p),
    };
    expect(await importRows(options)).toEqual({ created: 10, updated: 0, unchanged: 0, failed: [] });
    expect(progress).toEqual([4, 8, 10].map((done) => ({ done, total: 10, failed: 0 })));
    expect(harness.embedder.requests.map((r) => [r.images.length, r.priority])).toEqual(
      [4, 4, 2].map((n) => [n, 'bulk']),
    );
    expect(collection.get({ id: 'i4' })).toMatchObject({ group: 'p1', tags: ['t'], attributes: { n: 4 } });
    expect(await importRows(options)).toEqual({ created: 0, updated: 0, unchanged: 10, failed: [] });
    expect(harness.embedder.embedded.length).toBe(10);
    const mapGroup = (r: DatasetRow) => `shop-${r.label}`;
    expect(await importRows({ ...options, mapGroup })).toMatchObject({ updated: 10 });
    expect(collection.get({ id: 'i4' }).group).toBe('shop-p1');
    expect(harness.embedder.embedded.length).toBe(10);
  });

  test('one bad row never stops it; each is named with its line and reason', async () => {
    const collection = await open();
    const all = [...rows(3), row(3, 'bad photo'), row(4), { ...row(5), image: join(folder, 'none.jpg') }];
    all.push({ ...row(6), id: '' }, { ...row(7), attributes: { x: Number.NaN } }, row(8));
    const { created, failed } = await importRows({ collection, rows: all, batchSize: 3 });
    expect(created).toBe(5);
    expect(failed).toEqual([
      { line: 5, id: 'i3', reason: 'these bytes are bad', error: expect.any(AttractorError) },
      {
        line: 7,
        id: 'i5',
        reason: expect.stringMatching(/none\.jpg cannot be read: ENOENT/),
        error: expect.anything(),
      },
      { line: 8, id: '', reason: expect.stringMatching(/id: expected/), error: expect.anything() },
      {
        line: 9,
        id: 'i7',
        reason: expect.stringMatching(/attributes\.x: expected/),
        error: expect.anything(),
      },
    ]);
    // Alone, after it was mended.
    const again = await importRows({ collection, rows: [row(3, 'good photo')] });
    expect(again).toMatchObject({ created: 1, failed: [] });
  });

  test('takes streams, whose total is not known', async () => {
    const collection = await open();
    const progress: unknown[] = [];
    async function* stream() {
      yield* rows(5);
    }
    await importRows({ collection, rows: stream(), batchSize: 3, onProgress: (p) => progress.push(p) });
    expect(progress).toEqual([3, 5].map((n) => ({ done: n, total: n, failed: 0 })));
    expect(collection.info.count).toBe(5);
  });

  test('an abort stops it; what was reported is kept and the rest can be imported later', async () => {
    const collection = await open();
    const controller = new AbortController();
    const all = rows(9);
    const aborted = importRows({
      collection,
      rows: all,
      batchSize: 3,
      signal: controller.signal,
      onProgress: ({ done }) => done === 6 && controller.abort(),
    });
    await expect(aborted).rejects.toEqual(expect.objectContaining({ code: 'aborted' }));
    expect(collection.info.count).toBe(6);
    expect(await importRows({ collection, rows: all })).toMatchObject({ created: 3, unchanged: 6 });
    expect(harness.embedder.embedded.length).toBe(9);
  });

  test('an image that takes its embedder down does not take its neighbours with it', async () => {
    class Fragile extends ByteEmbedder {
      override async embed(request: Parameters<ByteEmbedder['embed']>[0]) {
        const results = await super.embed(request);
        const deadly = request.images.some((image) => Buffer.from(bytesOf(image)).toString() === 'deadly');
        if (!deadly) return results;
        return results.map(() => ({ error: new AttractorError('embedder_crashed', 'the child died') }));
      }
    }
    harness.embedder = new Fragile();
    const collection = await open();
    const all = [row(0), row(1, 'deadly'), row(2), row(3)];
    const { created, failed } = await importRows({ collection, rows: all });
    expect([created, failed.map((f) => [f.line, f.reason])]).toEqual([3, [[3, 'the child died']]]);
  });

  test('what concerns the whole collection ends it', async () => {
    const collection = await open();
    harness.embedder = new ByteEmbedder({ fingerprint: 'sha256:other' });
    await expect(importRows({ collection, rows: rows(2) })).rejects.toEqual(
      expect.objectContaining({ code: 'fingerprint_mismatch' }),
    );
    for (const batchSize of [0, 1.5, 1001]) {
      await expect(importRows({ collection, rows: [], batchSize })).rejects.toThrow(/batchSize: expected/);
    }
    await expect(importRows({ collection, rows: [], dryRun: true } as never)).rejects.toThrow(/"dryRun"/);
  });
});
