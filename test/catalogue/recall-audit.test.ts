import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRng } from '../../src/math/rng.ts';
import { ByteEmbedder } from '../reference/byte-embedder.ts';
import { randomUnit } from '../reference/nearest.ts';
import { eventually, Harness } from './harness.ts';

const D = 24;
let harness: Harness;
beforeEach(() => {
  harness = new Harness();
  harness.embedder = new ByteEmbedder({ dimension: D });
});
afterEach(() => harness.dispose());

/** 2,000 random items and a graph so poor that it misses some. */
async function filled(auditEvery: number, clock = () => 0) {
  const rng = createRng(12);
  const catalogue = await harness.open({ auditEvery, clock, hnsw: { m: 3, efConstruction: 6, ef: 40 } });
  const shop = await catalogue.createCollection({ name: 'shop' });
  const items = Array.from({ length: 2000 }, (_, n) => ({
    id: `i${n}`,
    vector: randomUnit(rng, D),
    attributes: { n },
  }));
  await shop.upsert({ items });
  await eventually(() => shop.info.indexed === 2000);
  return { shop, query: () => ({ by: { vector: randomUnit(rng, D) }, limit: 10, ef: 40 }) };
}

const audited = (shop: { recall: { byFilter: readonly { queries: number }[] } }) =>
  shop.recall.byFilter.reduce((sum, { queries }) => sum + queries, 0);

describe('the live audit', () => {
  test('counts what the graph found of what there was, by filter and by width', async () => {
    const { shop, query } = await filled(1);
    let [found, wanted, byFilter] = [0, 0, 0];
    for (let i = 0; i < 30; i++) {
      const asked = { ...query(), filter: i % 3 === 0 ? 'n >= 500' : undefined };
      const { hits, explanation } = await shop.query({ ...asked, explain: true });
      const before = audited(shop);
      const truth = await shop.query({ ...asked, ef: undefined, exact: true });
      if (explanation!.plan !== 'graph') continue;
      await eventually(
        () =>
          audited(shop) === before + 1 &&
          shop.recall.byWidth.every(({ queries }) => queries === before + 1) &&
          shop.recall.byWidth.length === 5,
      );
      byFilter += i % 3 === 0 ? 1 : 0;
      const ids = new Set(hits.map((hit) => hit.id));
      found += truth.hits.filter((hit) => ids.has(hit.id)).length;
      wanted += truth.hits.length;
    }
    const { byFilter: classes, byWidth } = shop.recall;
    const filtered = classes.find(({ filter }) => filter === 'half or more');
    expect(filtered?.queries).toBe(byFilter);
    const total = classes.reduce((sum, { queries, recall }) => sum + queries * recall, 0);
    expect(total).toBeCloseTo(found / 10, 6);
    expect(wanted).toBe(10 * audited(shop));
    // The graph is as poor as it was meant to be, and a wider walk finds more.
    expect(found).toBeLessThan(wanted);
    expect(byWidth.map(({ ef }) => ef)).toEqual([10, 20, 40, 80, 160]);
    const recalls = byWidth.map(({ recall }) => recall);
    expect(recalls[4]!).toBeGreaterThan(recalls[0]!);
    const enough = byWidth.find(({ recall }) => recall >= 0.99)?.ef;
    expect(shop.recall.proposedEf).toBe(enough);
  });

  test('takes one of so many, none where 0 is said, and nothing that changed in between', async () => {
    const { shop, query } = await filled(10);
    for (let i = 0; i < 25; i++) {
      await shop.query(query());
      await sleep(3);
    }
    expect(audited(shop)).toBe(3);
    // A scan is exact by itself; a thousand hits are too many to look at again.
    for (let i = 0; i < 25; i++) await shop.query({ ...query(), ef: undefined });
    expect(audited(shop)).toBe(3);
    for (let i = 0; i < 5; i++) await shop.query(query());
    const answer = shop.query(query());
    shop.delete({ ids: ['i1'] });
    await answer;
    shop.delete({ ids: ['i2'] });
    await sleep(20);
    expect(audited(shop)).toBe(3);
    await harness.dispose();
    harness = new Harness();
    harness.embedder = new ByteEmbedder({ dimension: D });
    const silent = await filled(0);
    for (let i = 0; i < 5; i++) await silent.shop.query(silent.query());
    await sleep(20);
    expect(silent.shop.recall).toEqual({ byFilter: [], byWidth: [], proposedEf: undefined });
  });

  test('takes a fiftieth of the time, however many ask', async () => {
    let now = 0;
    // Whatever is done between two looks at the clock takes a millisecond.
    const { shop, query } = await filled(1, () => now++);
    const before = now;
    for (let i = 0; i < 300; i++) {
      await shop.query(query());
      await sleep(1);
    }
    // Six steps, and fifty times as long for others.
    const most = (now - before) / 306;
    expect(audited(shop)).toBeGreaterThan(most - 2);
    expect(audited(shop)).toBeLessThanOrEqual(most + 1);
    expect(most).toBeGreaterThan(2);
  });
});
