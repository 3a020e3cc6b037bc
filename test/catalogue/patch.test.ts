// Metadata of many items at once, and deleting by filter: nothing is embedded again, all of it survives a restart.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Collection, InSteps, StepsDone } from '../../src/catalogue/types.ts';
import { bytes, Harness } from './harness.ts';

let harness: Harness;
beforeEach(() => {
  harness = new Harness();
});
afterEach(() => harness.dispose());

/** `n` is 0 to count - 1, `odd` n % 2; every third has an image. */
async function filled(count = 9): Promise<Collection> {
  const shop = await (await harness.open()).createCollection({ name: 'shop' });
  const one = Float32Array.from({ length: 16 }, () => 1);
  await shop.upsert({
    items: Array.from({ length: count }, (_, n) => ({
      id: `i${n}`,
      group: `g${n % 2}`,
      tags: ['old'],
      attributes: { n, odd: n % 2 === 1 },
      ...(n % 3 === 0 ? { image: bytes(`image ${n}`) } : { vector: one }),
    })),
  });
  return shop;
}

describe('patch', () => {
  test('merges attributes, null removes one; tags and group are set; the vector and its slot stay', async () => {
    const shop = await filled();
    const before = shop.get({ id: 'i3', withVector: true });
    const patch = { attributes: { n: null, colour: 'red', price: 5 }, tags: ['a', 'b'], group: 'new' };
    expect(await shop.patch({ ids: ['i3', 'nobody', 'i3'], ...patch })).toEqual({ matched: 1, updated: 1 });
    expect(shop.get({ id: 'i3', withVector: true })).toEqual({
      ...before,
      group: 'new',
      tags: ['a', 'b'],
      attributes: { odd: true, colour: 'red', price: 5 },
    });
    expect(await shop.patch({ ids: ['i3'], ...patch })).toEqual({ matched: 1, updated: 0 });
    expect(harness.embedder.embedded.length).toBe(3);
    // Filters see it at once, and after a restart.
    const filter = 'colour = "red" AND tags = "b" AND n IS EMPTY AND group = "new"';
    expect((await shop.scroll({ filter })).items.map(({ id }) => id)).toEqual(['i3']);
    expect((await shop.scroll({})).items.map(({ id }) => id)).toEqual([...'012345678'].map((n) => `i${n}`));
    const again = (await harness.reopen()).collection('shop');
    expect((await again.scroll({ filter })).items.map(({ id }) => id)).toEqual(['i3']);
    expect((await again.scroll({ filter: 'tags = "old"' })).items.length).toBe(8);
  });

  test('by filter; null takes tags away and gives the group back; replace keeps nothing', async () => {
    const shop = await filled();
    expect(await shop.patch({ filter: 'odd = true', tags: null, group: null })).toEqual({
      matched: 4,
      updated: 4,
    });
    expect(shop.get({ id: 'i1' })).toMatchObject({ group: 'i1', tags: [], attributes: { n: 1, odd: true } });
    expect(shop.get({ id: 'i2' })).toMatchObject({ group: 'g0', tags: ['old'] });
    await shop.patch({ filter: 'odd = false', attributes: { sale: true }, replace: true });
    expect(shop.get({ id: 'i2' })).toMatchObject({ group: 'i2', tags: [], attributes: { sale: true } });
    expect(await shop.facet({ key: 'sale' })).toEqual([{ value: true, count: 5 }]);
  });

  test('thousands, in steps; a merge that goes too far leaves its own step as it was', async () => {
    const shop = await (await harness.open()).createCollection({ name: 'shop' });
    const vector = Float32Array.from({ length: 16 }, () => 1);
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`a${i}`, i]));
    await shop.upsert({
      items: Array.from({ length: 2500 }, (_, n) => ({
        id: `i${n}`,
        vector,
        attributes: n === 2200 ? many : { n },
      })),
    });
    expect(await shop.patch({ filter: {}, tags: ['t'] })).toEqual({ matched: 2500, updated: 2500 });
    expect(await shop.count({ filter: 'tags = "t"' })).toBe(2500);
    await expect(shop.patch({ filter: {}, attributes: { more: 1 } })).rejects.toMatchObject({
      code: 'invalid_argument',
      field: 'attributes',
    });
    expect(await shop.count({ filter: 'more = 1' })).toBe(2000);
    const gone = new AbortController();
    const deleting = shop.deleteByFilter({ filter: {}, signal: gone.signal });
    // The first step is done by then.
    await nextTurn();
    gone.abort();
    await expect(deleting).rejects.toMatchObject({ code: 'aborted' });
    expect(await shop.count({})).toBe(2250);
  });

  test('what was cut off between two steps goes on after the last that was done, and counts them all', async () => {
    const shop = await (await harness.open()).createCollection({ name: 'shop' });
    const vector = Float32Array.from({ length: 16 }, () => 1);
    const items = Array.from({ length: 1100 }, (_, n) => ({ id: `i${n}`, vector, tags: ['old'] }));
    await shop.upsert({ items });
    /** Cut off after two steps. */
    const cutOff = async (write: (steps: InSteps & { signal: AbortSignal }) => Promise<object>) => {
      const told: StepsDone[] = [];
      const gone = new AbortController();
      const onStep = (done: StepsDone) => {
        if (told.push(done) === 2) gone.abort();
      };
      await expect(write({ onStep, signal: gone.signal })).rejects.toMatchObject({ code: 'aborted' });
      return told[1]!;
    };
    // Those that are done pass no more, or still do.
    for (const change of [{ filter: 'tags = "old"' }, { filter: {} }, { ids: items.map(({ id }) => id) }]) {
      await shop.patch({ filter: {}, tags: ['old'] });
      const patch = { ...change, tags: ['new'] };
      const from = await cutOff((steps) => shop.patch({ ...patch, ...steps }));
      expect(from).toMatchObject({ matched: 500, changed: 500 });
      expect(await shop.count({ filter: 'tags = "new"' })).toBe(500);
      expect(await shop.patch({ ...patch, from })).toEqual({ matched: 1100, updated: 1100 });
      expect(await shop.count({ filter: 'tags = "new"' })).toBe(1100);
    }
    const from = await cutOff((steps) => shop.deleteByFilter({ filter: {}, ...steps }));
    expect(await shop.deleteByFilter({ filter: {}, from })).toEqual({ deleted: 1100 });
    expect(await shop.count({})).toBe(0);
  });

  test.each<[object, string]>([
    [{ tags: [] }, 'ids'],
    [{ ids: [], filter: {}, tags: [] }, 'ids'],
    [{ ids: 'i1', tags: [] }, 'ids'],
    [{ ids: ['i1'] }, 'attributes'],
    [{ ids: ['i1'], attributes: [] }, 'attributes'],
    [{ ids: ['i1'], attributes: { a: [1] } }, 'attributes.a'],
    [{ ids: ['i1'], attributes: { a: Number.NaN } }, 'attributes.a'],
    [{ ids: ['i1'], tags: ['a', ''] }, 'tags[1]'],
    [{ ids: ['i1'], group: '' }, 'group'],
    [{ ids: ['i1'], vector: [1] }, 'vector'],
    [{ filter: { must: [{}] }, tags: [] }, 'filter.must[0]'],
  ])('%j is refused', async (patch, field) => {
    const shop = await filled(3);
    await expect(shop.patch(patch)).rejects.toMatchObject({ status: 400, field });
    expect(await shop.count({ filter: 'tags = "old"' })).toBe(3);
  });
});

describe('deleteByFilter', () => {
  test('deletes what passes, with its image, and nothing else', async () => {
    const shop = await filled();
    expect(await shop.deleteByFilter({ filter: { must: { key: 'n', range: { lt: 5 } } } })).toEqual({
      deleted: 5,
    });
    expect((await shop.scroll({})).items.map(({ id }) => id)).toEqual(['i5', 'i6', 'i7', 'i8']);
    expect(() => shop.image({ id: 'i3' })).toThrow(expect.objectContaining({ code: 'item_not_found' }));
    expect(shop.image({ id: 'i6' }).bytes).toEqual(Buffer.from('image 6'));
    const { hits } = await shop.query({ by: { vector: new Float32Array(16).fill(1) }, limit: 10 });
    expect(hits.map(({ id }) => id).sort()).toEqual(['i5', 'i6', 'i7', 'i8']);
    expect(await (await harness.reopen()).collection('shop').count({})).toBe(4);
    expect(await (await harness.reopen()).collection('shop').deleteByFilter({ filter: 'n = 1' })).toEqual({
      deleted: 0,
    });
  });

  test('a filter is not optional', async () => {
    const shop = await filled(3);
    await expect(shop.deleteByFilter({} as { filter: string })).rejects.toMatchObject({ field: 'filter' });
    await expect(shop.deleteByFilter({ filter: 'n <' })).rejects.toMatchObject({ status: 400 });
    expect(await shop.count({})).toBe(3);
  });
});
