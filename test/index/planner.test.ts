import { beforeAll, describe, expect, test } from 'vitest';
import { HnswIndex } from '../../src/index/hnsw.ts';
import { plannedSearch } from '../../src/index/planner.ts';
import { Bits } from '../../src/math/bits.ts';
import { createRng } from '../../src/math/rng.ts';
import { randomUnit } from '../reference/nearest.ts';
import { buildOnce } from './build.ts';

const DIMENSION = 256;
const COUNT = 12_000;
const CLUSTERS = 40;
const K = 10;

let index: HnswIndex;
let queries: Float32Array[];
const cluster: number[] = [];

beforeAll(async () => {
  const rng = createRng(5);
  const centres = Array.from({ length: CLUSTERS }, () => randomUnit(rng, DIMENSION));
  const near = (c: number) => {
    const v = centres[c]!.map((x) => x + 0.06 * rng.normal());
    const norm = Math.hypot(...v);
    return v.map((x) => x / norm);
  };
  index = new HnswIndex({ dimension: DIMENSION, m: 8, efConstruction: 60 });
  for (let slot = 0; slot < COUNT; slot++) {
    cluster.push(rng.int(CLUSTERS));
    index.add({ slot, vector: near(cluster[slot]!) });
  }
  await buildOnce(index);
  queries = Array.from({ length: 40 }, (_, i) => near(i % CLUSTERS));
});

/** Rows are slots here: nothing was removed. */
function selectionOf(passes: (slot: number) => boolean) {
  const slots = Array.from({ length: COUNT }, (_, slot) => slot).filter(passes);
  const matches = slots.length;
  return { mask: Bits.of(slots, COUNT), matches, share: matches / COUNT, passes };
}

function recallAndPlans(passes: (slot: number) => boolean, ef?: number) {
  const selection = selectionOf(passes);
  const kinds = new Set<string>();
  let found = 0;
  let wanted = 0;
  for (const vector of queries) {
    const { hits, plan } = plannedSearch({ index, vector, k: K, ef, selection });
    const truth = index.flat.search({ vector, k: K, selection }).slots;
    expect(hits.slots.length).toBe(truth.length);
    expect([...hits.slots].every(passes)).toBe(true);
    expect([...hits.scores]).toEqual([...hits.scores].sort((a, b) => b - a));
    kinds.add(plan.kind);
    wanted += truth.length;
    found += [...truth].filter((slot) => hits.slots.includes(slot)).length;
  }
  return { recall: found / wanted, kinds: [...kinds].sort() };
}

describe('plannedSearch', () => {
  test('a filter of any share, at random or by cluster, holds recall', () => {
    const rng = createRng(6);
    const dice = Array.from({ length: COUNT }, () => rng.next());
    for (const share of [0.9, 0.5, 0.2, 0.1, 0.01, 0.001, 0.0001]) {
      expect(recallAndPlans((slot) => dice[slot]! < share).recall, `random ${share}`).toBeGreaterThan(0.985);
      const kept = (slot: number) => cluster[slot]! < share * CLUSTERS;
      expect(recallAndPlans(kept).recall, `cluster ${share}`).toBeGreaterThan(0.985);
      expect(recallAndPlans(kept, 120).recall, `cluster ${share}, ef`).toBeGreaterThan(0.985);
    }
  });

  test('the plan follows the filter, and a correlated one is noticed', () => {
    expect(recallAndPlans(() => true).kinds).toEqual(['graph']);
    expect(recallAndPlans((slot) => slot % 10 !== 0).kinds).toEqual(['graph']);
    expect(recallAndPlans((slot) => slot % 10 === 0).kinds).toEqual(['scan']);
    expect(recallAndPlans((slot) => cluster[slot]! % 8 !== 0).kinds).toEqual(['graph', 'graph, then scan']);
    expect(recallAndPlans(() => false)).toEqual({ recall: Number.NaN, kinds: ['none'] });
  });

  test('without a graph everything is scanned, and said so', () => {
    const bare = new HnswIndex({ dimension: 2, from: 2 });
    const vector = Float32Array.of(1, 0);
    const all = { mask: Bits.of([0, 1, 2], 64), matches: 3, share: 1, passes: () => true };
    for (let slot = 0; slot < 3; slot++) bare.add({ slot, vector });
    const plan = (options: object) => plannedSearch({ index: bare, vector, k: 1, ...options }).plan;
    for (const options of [{}, { ef: 5 }, { ef: 5, selection: all }]) {
      expect(plan(options)).toMatchObject({ kind: 'scan', reason: 'there is no graph yet', candidates: 3 });
    }
  });

  test('exact, a width, few matches, all matches', () => {
    const vector = queries[0]!;
    const plan = (options: object) => plannedSearch({ index, vector, k: K, ...options }).plan;
    expect(plan({})).toMatchObject({ kind: 'graph', candidates: K });
    expect(plan({ exact: true })).toMatchObject({ kind: 'scan', candidates: COUNT });
    expect(plan({ exact: true, ef: 10 })).toMatchObject({ kind: 'scan' });
    const most = selectionOf((slot) => slot % 10 !== 0);
    expect(plan({ selection: most, exact: true })).toMatchObject({ kind: 'scan', candidates: most.matches });
    const few = selectionOf((slot) => slot % 10 === 0);
    expect(plan({ selection: few })).toMatchObject({ kind: 'scan', candidates: 1200 });
    expect(plan({ selection: few, ef: 300 })).toMatchObject({ kind: 'graph' });
    const five = selectionOf((slot) => slot < 5);
    const { hits } = plannedSearch({ index, vector, k: K, ef: 300, selection: five });
    expect([...hits.slots].sort()).toEqual([0, 1, 2, 3, 4]);
  });
});
