import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bytes, eventually, Harness } from './harness.ts';

let harness: Harness;
beforeEach(() => {
  harness = new Harness();
});
afterEach(() => harness.dispose());

const code = (name: string) => expect.objectContaining({ code: name });

describe('catalogue', () => {
  test('collections are created, listed, found again and dropped with all that is theirs', async () => {
    const catalogue = await harness.open({ hnsw: { from: 1 } });
    const b = await catalogue.createCollection({ name: 'b' });
    const a = await catalogue.createCollection({ name: 'a', model: 'bytes' });
    await b.upsert({ items: [{ id: '1', image: bytes('1') }] });
    await a.upsert({ items: [{ id: '1', image: bytes('1') }] });
    expect(catalogue.list().map((info) => [info.name, info.count])).toEqual([
      ['a', 1],
      ['b', 1],
    ]);
    await eventually(() => catalogue.list().every((info) => info.indexed === 1));
    await expect(catalogue.createCollection({ name: 'a' })).rejects.toEqual(code('collection_exists'));
    await expect(catalogue.createCollection({ name: 'c', model: 'no' })).rejects.toEqual(
      code('model_not_found'),
    );
    for (const name of ['', '-a', 'a/b', '..', 'x'.repeat(65), 'é', 5]) {
      await expect(catalogue.createCollection({ name: name as string })).rejects.toEqual(
        code('invalid_argument'),
      );
    }
    expect(() => catalogue.collection('c')).toThrow(code('collection_not_found'));
    expect(() => catalogue.dropCollection('c')).toThrow(code('collection_not_found'));

    const again = await harness.reopen({ hnsw: { from: 1 } });
    const held = again.collection('a');
    expect(readdirSync(join(harness.directory, 'indexes')).length).toBe(4);
    again.dropCollection('a');
    expect(again.list().map((info) => info.name)).toEqual(['b']);
    expect(() => held.get({ id: '1' })).toThrow(code('collection_not_found'));
    await expect(held.query({ by: { id: '1' } })).rejects.toEqual(code('collection_not_found'));
    // The same name is another collection: an old handle does not reach it.
    const fresh = await again.createCollection({ name: 'a' });
    expect(fresh.info.count).toBe(0);
    expect(() => held.delete({ ids: ['1'] })).toThrow(code('collection_not_found'));
    expect(again.collection('b').image({ id: '1' }).bytes.length).toBe(1);

    const last = await harness.reopen({ hnsw: { from: 1 } });
    expect(last.list().map((info) => [info.name, info.count])).toEqual([
      ['a', 0],
      ['b', 1],
    ]);
    expect(readdirSync(join(harness.directory, 'indexes')).sort()).toEqual(['1.hnsw', '1.hnsw.json']);
  });

  test('a drop or a close in the middle of an upsert: nothing is written to the wrong place', async () => {
    const catalogue = await harness.open();
    const shop = await catalogue.createCollection({ name: 'shop' });
    let release = () => {};
    harness.embedder.gate = new Promise((resolve) => {
      release = resolve;
    });
    const upsert = shop.upsert({ items: [{ id: '1', image: bytes('1') }] });
    catalogue.dropCollection('shop');
    const other = await catalogue.createCollection({ name: 'shop' });
    const second = other.upsert({ items: [{ id: '1', image: bytes('1') }] });
    release();
    await expect(upsert).rejects.toEqual(code('collection_not_found'));
    expect((await second)[0]!.status).toBe('created');

    harness.embedder.gate = new Promise((resolve) => {
      release = resolve;
    });
    const late = other.upsert({ items: [{ id: '2', image: bytes('2') }] });
    const closed = catalogue.close();
    release();
    await expect(late).rejects.toEqual(code('not_ready'));
    await closed;
    expect(harness.embedder.closed).toBe(true);
    expect(() => catalogue.list()).not.toThrow();
    expect(() => catalogue.getMeta('x')).toThrow(code('not_ready'));
    await expect(catalogue.createCollection({ name: 'x' })).rejects.toEqual(code('not_ready'));
    expect((await harness.open()).collection('shop').info.count).toBe(1);
  });

  test('facts survive a restart', async () => {
    const catalogue = await harness.open();
    expect(catalogue.getMeta('demo')).toBeUndefined();
    catalogue.setMeta('demo', 'half');
    catalogue.setMeta('demo', 'imported');
    expect((await harness.reopen()).getMeta('demo')).toBe('imported');
  });

  test('the embedder starts with the first image, once, and again after a failed start', async () => {
    let starts = 0;
    const catalogue = await harness.open({
      embedderFor: async () => {
        if (++starts === 1) throw new Error('no memory');
        return harness.embedder;
      },
    });
    const shop = await catalogue.createCollection({ name: 'shop' });
    await shop.upsert({ items: [{ id: 'v', vector: new Float32Array(16).fill(1) }] });
    await shop.query({ by: { id: 'v' } });
    expect(starts).toBe(0);
    await expect(shop.query({ by: { image: bytes('1') } })).rejects.toThrow('no memory');
    await Promise.all(['1', '2'].map((id) => shop.upsert({ items: [{ id, image: bytes(id) }] })));
    expect(starts).toBe(2);
  });

  test('files of collections that are gone are swept at the start', async () => {
    await harness.open();
    await harness.reopen();
    const orphan = join(harness.directory, 'indexes', '7.hnsw');
    writeFileSync(orphan, 'left behind');
    await harness.reopen();
    expect(existsSync(orphan)).toBe(false);
  });

  test('unknown options are refused by name', async () => {
    await expect(harness.open({ dir: 'x' } as never)).rejects.toEqual(code('unknown_option'));
    const catalogue = await harness.open();
    await expect(catalogue.createCollection({ name: 'a', metric: 'l2' } as never)).rejects.toEqual(
      code('unknown_option'),
    );
  });
});
