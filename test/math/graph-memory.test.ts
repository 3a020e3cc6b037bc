// The walk in WebAssembly against the algorithm as the paper has it, on graphs of any shape, not only those of hnswlib.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GraphMemory } from '../../src/math/graph-memory.ts';
import { createRng } from '../../src/math/rng.ts';

interface Naive {
  readonly vectors: Float32Array[];
  /** By node, layer and place. */
  readonly links: number[][][];
  readonly live: boolean[];
  readonly entry: number;
  readonly layers: number;
}

/** Components are whole numbers of at most 127, one of them 127: int8 copies leave nothing over. */
function randomGraph(options: { seed: number; nodes: number; dimension: number; m: number }): Naive {
  const { seed, nodes, dimension, m } = options;
  const rng = createRng(seed);
  const vectors = Array.from({ length: nodes }, () => {
    const v = Float32Array.from({ length: dimension }, () => rng.int(255) - 127);
    v[rng.int(dimension)] = 127;
    return v;
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

function memoryOf({ vectors, links, live }: Naive, m: number): GraphMemory {
  const upperBytes = links.reduce((sum, lists) => sum + (lists.length - 1) * (4 + 4 * m), 0);
  const memory = new GraphMemory({ dimension: vectors[0]!.length, m, nodes: vectors.length, upperBytes });
  for (const [node, vector] of vectors.entries()) {
    memory.setNode(node, { slot: 3 * node, vector, links: Uint32Array.from(links[node]![0]!) });
    if (links[node]!.length > 1) {
      memory.setUpper(
        node,
        links[node]!.slice(1).map((list) => Uint32Array.from(list)),
      );
    }
    memory.setLive(node, live[node]!);
  }
  return memory;
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

describe('GraphMemory', () => {
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
          const memory = memoryOf(graph, m);
          const rng = createRng(seed + 1);
          for (let i = 0; i < 3; i++) {
            const vector = Float32Array.from({ length: dimension }, () => rng.normal());
            const { entry, layers } = graph;
            const found = memory.near({ vector, k: width, width, entry, layers })!;
            const scores = graph.vectors.map((v) => v.reduce((sum, x, j) => sum + x * vector[j]!, 0));
            scores.sort((a, b) => a - b);
            // Where two scores are as good as equal the order is anybody's.
            if (scores.some((s, j) => j > 0 && Math.abs(s - scores[j - 1]!) < 0.05)) continue;
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

  test('of a wide walk only what may be among the best k is left', () => {
    const graph = randomGraph({ seed: 5, nodes: 100, dimension: 24, m: 6 });
    const memory = memoryOf(graph, 6);
    const { entry, layers } = graph;
    for (let i = 0; i < 300; i++) {
      // More walks than a byte counts.
      const vector = graph.vectors[i % 100]!;
      const all = memory.near({ vector, k: 50, width: 50, entry, layers })!;
      const few = memory.near({ vector, k: 3, width: 50, entry, layers })!;
      const score = (node: number) => graph.vectors[node]!.reduce((sum, x, j) => sum + x * vector[j]!, 0);
      const best = [...all].sort((a, b) => score(b) - score(a)).slice(0, 3);
      expect(few.length).toBeLessThan(all.length);
      expect(few).toEqual(expect.arrayContaining(best));
    }
  });

  test('says when too many nodes wait, and takes as much memory as was stated', () => {
    // A tree of 70,000 dead nodes: more wait than there is room for.
    const nodes = 70_000;
    const size = { dimension: 2, m: 64, nodes, upperBytes: 0 };
    const memory = new GraphMemory(size);
    const vector = Float32Array.of(1, 0);
    for (let node = 0; node < nodes; node++) {
      const links = Uint32Array.from({ length: 128 }, (_, i) => Math.min(nodes - 1, 128 * node + i + 1));
      // Those that lead on are looked at first.
      const first = 128 * node < nodes;
      memory.setNode(node, { slot: node, vector: first ? vector : Float32Array.of(0.1, 1), links });
      memory.setLive(node, false);
    }
    expect(memory.near({ vector, k: 1, width: 1, entry: 0, layers: 0 })).toBeUndefined();
    expect(memory.bytes).toBeGreaterThanOrEqual(GraphMemory.bytes(size));
    expect(memory.bytes).toBeLessThan(GraphMemory.bytes(size) + 2 * 65_536);
  });
});
