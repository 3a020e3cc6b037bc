// Data folders that released versions wrote: each opens, answers as it did then, and goes on.

import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MIGRATIONS } from '../../src/store/schema.ts';
import { bytes, Harness } from '../catalogue/harness.ts';
import { ByteEmbedder } from '../reference/byte-embedder.ts';

const here = dirname(fileURLToPath(import.meta.url));
const versions = readdirSync(here).filter((name) => name.startsWith('v'));

let harness: Harness;
beforeEach(() => {
  harness = new Harness();
});
afterEach(() => harness.dispose());

describe.each(versions)('a data folder of %s', (version) => {
  const expected = JSON.parse(readFileSync(join(here, version, 'expected.json'), 'utf8'));

  beforeEach(() => {
    cpSync(join(here, version, 'data'), harness.directory, { recursive: true });
    harness.embedder = new ByteEmbedder({ dimension: 8 });
  });

  test('opens with everything in it, its index too', async () => {
    const catalogue = await harness.open();
    // Its graph was read, not built: nothing is left to be indexed.
    expect(catalogue.list()).toEqual(
      expected.collections.map((info: { count: number }) => ({
        ...info,
        indexed: info.count,
        status: 'green',
      })),
    );
    expect(catalogue.getMeta('demo')).toBe('imported');
    const shop = catalogue.collection('shop');
    const vector = Float32Array.from(expected.query);
    for (const how of [{ exact: true }, { ef: 100 }]) {
      const { hits } = await shop.query({ by: { vector }, limit: 100, withVector: true, ...how });
      expect(
        hits.map(({ score, item: { vector, ...rest } }) => ({ score, ...rest, vector: [...vector!] })),
      ).toEqual(expected.hits);
    }
    const [migrated, ...rest] = harness.log;
    expect(migrated).toMatchObject({
      level: 'info',
      fields: { from: expect.any(Number), to: MIGRATIONS.length },
    });
    expect(rest).toEqual([]);
    await harness.reopen();
    expect(harness.log).toHaveLength(1);
  });

  test('goes on: nothing embedded again, slots and images in order', async () => {
    const shop = (await harness.open()).collection('shop');
    const [first] = expected.hits;
    expect(await shop.upsert({ items: [{ id: 'new', image: bytes('photo 1') }] })).toMatchObject([
      { status: 'created' },
    ]);
    expect(harness.embedder.embedded).toEqual([]);
    shop.delete({ ids: [first.id] });
    const again = (await harness.reopen()).collection('shop');
    expect(again.info.count).toBe(expected.hits.length);
    const { hits } = await again.query({ by: { image: bytes('photo 1') }, limit: 3, ef: 50 });
    // Equal scores by slot: the new one comes last.
    expect(hits.map((hit) => hit.id)).toEqual(['沙发 1', '沙发 17', 'new']);
  });
});

test('there is a fixture of the version that is released', () => {
  expect(versions).toContain('v0.1.0');
});
