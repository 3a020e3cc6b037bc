// hnswlib-node behind a guard: the only file that imports it. Builds graphs and writes them; graph.ts reads and searches them.
// To be run in a process that may die: hnswlib aborts on holes and crashes on files that are not what they seem.

import { createRequire } from 'node:module';
import type { HierarchicalNSW as Hnsw } from 'hnswlib-node';
import type { GraphShape } from './graph.ts';
import type { GraphNodes } from './graph-file.ts';
import { checkSlot, checkVector } from './guard.ts';
import { vectorKey } from './vector-key.ts';

// A CommonJS package whose named exports Node cannot see.
const { HierarchicalNSW } = createRequire(import.meta.url)('hnswlib-node') as {
  HierarchicalNSW: typeof Hnsw;
};

const FIRST_CAPACITY = 1024;

/**
 * An HNSW graph over inner products that grows. Of slots with bit-equal vectors only the first gets a node: hundreds of equal
 * points (one placeholder photo on many items) fill each other's link lists and become an island that searches enter and never
 * leave (5,000 random vectors: recall@10 0.96 alone, 0.77 with 5,000 copies of one more).
 */
export class GraphBuilder {
  readonly shape: GraphShape;
  readonly #hnsw: Hnsw;
  readonly #nodeByKey = new Map<number, number>();
  /** The last slot taken in; -1 before the first. */
  #through = -1;

  /** `base`: a verified file to go on from. Where hnswlib cannot read it, it throws, and this object must not be used. */
  constructor(options: { shape: GraphShape; base?: { path: string; nodes: GraphNodes; through: number } }) {
    const { shape, base } = options;
    this.shape = shape;
    this.#hnsw = new HierarchicalNSW('ip', shape.dimension);
    if (!base) {
      this.#hnsw.initIndex(FIRST_CAPACITY, shape.m, shape.efConstruction);
      return;
    }
    this.#hnsw.readIndexSync(base.path);
    for (const [i, slot] of base.nodes.slots.entries()) {
      // Marks are of version 0.1.0, which searched with hnswlib. Now the reader knows which nodes are dead.
      if (base.nodes.marked[i] === 1) this.#hnsw.unmarkDelete(slot);
      if (!this.#nodeByKey.has(base.nodes.keys[i]!)) this.#nodeByKey.set(base.nodes.keys[i]!, slot);
    }
    this.#through = base.through;
  }

  get nodes(): number {
    return this.#hnsw.getCurrentCount();
  }

  /** Slots ascend. */
  add(slot: number, vector: Float32Array): void {
    checkSlot(slot, this.#through);
    checkVector(vector, this.shape.dimension);
    this.#through = slot;
    const key = vectorKey(vector);
    const node = this.#nodeByKey.get(key);
    if (node !== undefined && this.#hnsw.getPoint(node).every((x, i) => x === vector[i])) return;
    if (this.nodes === this.#hnsw.getMaxElements()) this.#hnsw.resizeIndex(2 * this.nodes);
    this.#hnsw.addPoint(Array.from(vector), slot);
    // Of two vectors with one key the first keeps it; twins of the second just get nodes of their own.
    if (node === undefined) this.#nodeByKey.set(key, slot);
  }

  /** Reports nothing, not even a full disk: index-file.ts verifies what was written. */
  write(path: string): void {
    this.#hnsw.writeIndexSync(path);
  }
}
