// The walk in WebAssembly against the algorithm as the paper has it, on graphs of any shape, not only those of hnswlib.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Copies, linkBytes } from '../../src/math/copies.ts';
import { createRng, type Rng } from '../../src/math/rng.ts';

interface Naive {
  readonly vectors: Float32Array[];
  /** By node, layer and place. */
  readonly links: number[][][];
  readonly live: boolean[];
  readonly entry: number;
  readonly layers: number;
}

/**
 * Components as int8 copies have them, who leave nothing over: whole numbers below 127, one of them 127; every second one has the
 * fraction that its neighbour makes (quantise.ts).
 */
function randomGraph(options: { seed: number; nodes: number; dimension: number; m: number }): Naive {
  const { seed, nodes, dimension, m } = options;
  const rng = createRng(seed);
  const vectors = Array.from({ length: nodes }, () => {
    const v = Float32Array.from({ length: dimension }, () => rng.int(253) - 126);
    v[2 * rng.int(Math.ceil(dimension / 2))] = 127;
    return v.map((x, i) => (i % 2 === 0 ? x : x + (v[i - 1]! & 255) / 256));
  });
  const heights = vectors.map(() => (rng.int(3) === 0 ? 1 + rng.int(2) : 0));
  const layers = Math.max(...heights);
  const some = (layer: number, most: number) => {
    const there = [...heights.keys()].filter((node) => heights[node]! >= layer);
    return rng.shuffle(there).slice(0, 1 + rng.int(most));
  };
  const links = heights.map((height) =>
    Array.from({ length: height + 1 }, (_, layer) => some(layer, layer === 0 ? 2 * m : m)),
  );
  return {
    vectors,
    links,
    live: vectors.map(() => rng.int(3) > 0),
    entry: heights.indexOf(layers),
    layers,
  };
}

/** Whole numbers, the largest as large as a query's codes: nothing is left over here either. */
function randomQuery(rng: Rng, dimension: number): Float32Array {
  const v = Float32Array.from({ length: dimension }, () => rng.int(4095) - 2047);
  v[rng.int(dimension)] = 2047;
  return v;
}

function copiesOf({ vectors, links, live }: Naive, m: number, nodes = vectors.length): Copies {
  const dimension = vectors[0]!.length;
  const bytes = links.reduce((sum, lists) => sum + linkBytes(lists, nodes), 0);
  const copies = new Copies({ dimension, links: { m, nodes, bytes } });
  for (const vector of vectors) copies.push(vector);
  for (const [node, lists] of links.entries()) {
    copies.link(node, lists);
    if (!live[node]) copies.kill(node);
  }
  return copies;
}

/** Algorithms 2 and 5 of arXiv 1603.09320, with sorted arrays for heaps. */
function naiveNear(graph: Naive, query: Float32Array, width: number): Set<number> {
  const score = (node: number) => graph.vectors[node]!.reduce((sum, x, i) => sum + x * query[i]!, 0);
  let node = graph.entry;
  for (let layer = graph.layers; layer > 0; layer--) {
    for (let moved = true; moved; ) {
      moved = false;
      // The kernel walks the list that it began, even after it has moved.
      for (const other of graph.links[node]![layer]!) {
        if (score(other) > score(node)) {
          node = other;
          moved = true;
        }
      }
    }
  }
  const seen = new Set([node]);
  const open = [node];
  const hits = graph.live[node] ? [node] : [];
  const best = (nodes: number[]) => nodes.sort((a, b) => score(b) - score(a));
  while (open.length > 0) {
    const next = best(open).shift()!;
    if (hits.length === width && score(next) < score(hits.at(-1)!)) break;
    for (const other of graph.links[next]![0]!) {
      if (seen.has(other)) continue;
      seen.add(other);
      if (hits.length === width && score(other) < score(hits.at(-1)!)) continue;
      open.push(other);
      if (!graph.live[other]) continue;
      hits.push(other);
      best(hits).splice(width);
    }
  }
  return new Set(hits);
}

describe('Copies', () => {
  test('walks as the paper says, whatever the graph, the width and who is dead', () => {
    let reached = 0;
    fc.assert(
      fc.property(
        fc.record({
          seed: fc.nat(1e6),
          nodes: fc.integer({ min: 1, max: 120 }),
          dimension: fc.integer({ min: 1, max: 40 }),
          m: fc.integer({ min: 2, max: 6 }),
          width: fc.integer({ min: 1, max: 40 }),
        }),
        ({ seed, nodes, dimension, m, width }) => {
          const graph = randomGraph({ seed, nodes, dimension, m });
          const copies = copiesOf(graph, m);
          const rng = createRng(seed + 1);
          for (let i = 0; i < 3; i++) {
            const vector = randomQuery(rng, dimension);
            const { entry, layers } = graph;
            const found = copies.near({ vector, k: width, width, entry, layers })!;
            const scores = graph.vectors.map((v) => v.reduce((sum, x, j) => sum + x * vector[j]!, 0));
            scores.sort((a, b) => a - b);
            // Where two scores are as good as equal the order is anybody's.
            if (scores.some((s, j) => j > 0 && Math.abs(s - scores[j - 1]!) < 5)) continue;
            reached += found.length;
            expect(new Set(found)).toEqual(naiveNear(graph, vector, width));
            expect(found.length).toBe(new Set(found).size);
          }
        },
      ),
      { numRuns: 300 },
    );
    expect(reached).toBeGreaterThan(5000);
  });

  test.each([
    ['numbers of four bytes', 2 ** 24 + 1],
    ['addresses above 2^31', 2 ** 31 + 5],
  ])('%s', (_, nodes) => {
    for (let seed = 0; seed < 5; seed++) {
      const graph = randomGraph({ seed, nodes: 90, dimension: 20, m: 5 });
      const { entry, layers } = graph;
      const vector = randomQuery(createRng(seed + 1), 20);
      const found = copiesOf(graph, 5, nodes).near({ vector, k: 12, width: 12, entry, layers })!;
      expect(new Set(found)).toEqual(naiveNear(graph, vector, 12));
    }
  });

  test('of a wide walk only what may be among the best k is left', () => {
    const graph = randomGraph({ seed: 5, nodes: 100, dimension: 24, m: 6 });
    const copies = copiesOf(graph, 6);
    const { entry, layers } = graph;
    for (let i = 0; i < 300; i++) {
      // More walks than a byte counts.
      const vector = graph.vectors[i % 100]!;
      const all = copies.near({ vector, k: 50, width: 50, entry, layers })!;
      const few = copies.near({ vector, k: 3, width: 50, entry, layers })!;
      const score = (node: number) => graph.vectors[node]!.reduce((sum, x, j) => sum + x * vector[j]!, 0);
      const best = [...all].sort((a, b) => score(b) - score(a)).slice(0, 3);
      expect(few.length).toBeLessThan(all.length);
      expect(few).toEqual(expect.arrayContaining(best));
    }
  });

  test('says when too many nodes wait, or would be hits, and takes as much memory as was stated', () => {
    // A tree of 70,000 dead nodes: more wait than there is room for.
    const nodes = 70_000;
    const m = 64;
    const listOf = (node: number) =>
      Array.from({ length: 2 * m }, (_, i) => Math.min(nodes - 1, 2 * m * node + i + 1));
    const links = { m, nodes, bytes: nodes * linkBytes([listOf(0)], nodes) };
    const copies = new Copies({ dimension: 2, links });
    const vector = Float32Array.of(1, 0);
    for (let node = 0; node < nodes; node++) {
      // Those that lead on are looked at first.
      copies.push(2 * m * node < nodes ? vector : Float32Array.of(0.1, 1));
      copies.link(node, [listOf(node)]);
      copies.kill(node);
    }
    const where = { vector, k: 1, entry: 0, layers: 0 };
    expect(copies.near({ ...where, width: 1 })).toBeUndefined();
    expect(copies.near({ ...where, width: 65_537 })).toBeUndefined();
    const stated = Copies.bytes({ dimension: 2, count: nodes, links });
    const { room, ...held } = copies.bytes;
    expect(held.copies + held.links + held.walk).toBe(stated);
    expect(room).toBeGreaterThanOrEqual(0);
  });
});
