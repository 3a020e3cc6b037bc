// hnswlib-node behind a guard: the only file that imports it. A cache over the vectors, never their home.
// What the guard is for: hnswlib aborts on holes, wraps labels, updates in place badly, and its file reader trusts
// every byte. Callers hand in checked vectors and files that index-file.ts has verified.

import { createRequire } from 'node:module';
import type { HierarchicalNSW as Hnsw } from 'hnswlib-node';
import { AttractorError, invalid } from '../errors/error.ts';
import type { FlatIndex } from './flat.ts';

// A CommonJS package whose named exports Node cannot see.
const { HierarchicalNSW } = createRequire(import.meta.url)('hnswlib-node') as {
  HierarchicalNSW: typeof Hnsw;
};

export interface GraphShape {
  readonly dimension: number;
  /** Links per node and layer; layer 0 has twice as many. 2 to 100. */
  readonly m: number;
  /** Search width while building. */
  readonly efConstruction: number;
}

/** What a verified index file says of its nodes: the node's slot, its mark, and `vectorKey` of its vector. */
export interface GraphNodes {
  readonly slots: Uint32Array;
  readonly marked: Uint8Array;
  readonly keys: Int32Array;
}

const FIRST_CAPACITY = 1024;

/**
 * HNSW over inner products. Slots with bit-equal vectors share one node, named after the first of them: hundreds of
 * equal points (one placeholder photo on many items) fill each other's link lists and become an island that
 * searches enter and never leave (5,000 random vectors: recall@10 0.96 alone, 0.77 with 5,000 copies of one more).
 */
export class Graph {
  readonly shape: GraphShape;
  readonly #hnsw: Hnsw;
  /** The last slot taken in; -1 before the first. */
  #through = -1;
  /** Nodes marked deleted in hnswlib. */
  readonly #marked = new Set<number>();
  readonly #nodeByKey = new Map<number, number>();
  /** Live slots that share another slot's node. */
  readonly #twins = new Map<number, Set<number>>();
  readonly #nodeOfTwin = new Map<number, number>();
  /** Nodes whose own slot is dead. */
  readonly #ownDead = new Set<number>();

  constructor(shape: GraphShape, file?: string) {
    if (!Number.isInteger(shape.m) || shape.m < 2 || shape.m > 100) {
      throw invalid('m', 'an integer from 2 to 100', shape.m);
    }
    if (!Number.isInteger(shape.efConstruction) || shape.efConstruction < shape.m) {
      throw invalid('efConstruction', `an integer of m = ${shape.m} or more`, shape.efConstruction);
    }
    this.shape = shape;
    this.#hnsw = new HierarchicalNSW('ip', shape.dimension);
    // A failed read leaves hnswlib with a dangling pointer, so a reader is never re-used: the error ends this object.
    if (file === undefined) this.#hnsw.initIndex(FIRST_CAPACITY, shape.m, shape.efConstruction);
    else this.#hnsw.readIndexSync(file);
  }

  get through(): number {
    return this.#through;
  }

  get nodes(): number {
    return this.#hnsw.getCurrentCount();
  }

  /** Nodes that no live slot uses any more. */
  get tombstones(): number {
    return this.#marked.size;
  }

  /** Takes in the next slot, which is above `through`. The vector is finite and of the right length. */
  add(slot: number, vector: Float32Array): void {
    const key = vectorKey(vector);
    const node = this.#find(key, vector);
    if (node === undefined) {
      if (this.nodes === this.#hnsw.getMaxElements()) this.#hnsw.resizeIndex(2 * this.nodes);
      this.#hnsw.addPoint(Array.from(vector), slot);
      // Of two vectors with one key the first keeps it; twins of the second just get nodes of their own.
      if (!this.#nodeByKey.has(key)) this.#nodeByKey.set(key, slot);
    } else {
      this.#join(slot, node);
    }
    this.#through = slot;
  }

  /** Forgets a slot that was added and not dropped since. */
  drop(slot: number): void {
    const node = this.#nodeOfTwin.get(slot);
    if (node === undefined) {
      this.#ownDead.add(slot);
    } else {
      this.#nodeOfTwin.delete(slot);
      const twins = this.#twins.get(node)!;
      twins.delete(slot);
      if (twins.size === 0) this.#twins.delete(node);
    }
    this.#updateMark(node ?? slot);
  }

  /** Live slots of about the `k` nearest nodes: candidates, in no order, to be scored by the caller. */
  near(options: { vector: Float32Array; k: number; ef: number }): number[] {
    if (this.nodes === 0) return [];
    this.#hnsw.setEf(options.ef);
    const found = this.#hnsw.searchKnn(Array.from(options.vector), Math.min(options.k, this.nodes)).neighbors;
    const slots: number[] = [];
    for (const node of found) {
      if (!this.#ownDead.has(node)) slots.push(node);
      for (const twin of this.#twins.get(node) ?? []) slots.push(twin);
    }
    return slots;
  }

  /** Reports nothing, not even a full disk: index-file.ts verifies what was written. */
  write(file: string): void {
    this.#hnsw.writeIndexSync(file);
  }

  /**
   * A graph from a verified file, brought in line with `flat`: nodes that lost their slots are marked, twins joined.
   * Throws `index_invalid` where a live slot up to `through` is not in the graph.
   */
  static read(options: {
    file: string;
    shape: GraphShape;
    nodes: GraphNodes;
    through: number;
    flat: FlatIndex;
  }): Graph {
    const { nodes, flat } = options;
    const graph = new Graph(options.shape, options.file);
    const own = new Set(nodes.slots);
    for (let i = 0; i < nodes.slots.length; i++) {
      if (nodes.marked[i] === 1) graph.#marked.add(nodes.slots[i]!);
      if (!graph.#nodeByKey.has(nodes.keys[i]!)) graph.#nodeByKey.set(nodes.keys[i]!, nodes.slots[i]!);
      if (!flat.has(nodes.slots[i]!)) graph.#ownDead.add(nodes.slots[i]!);
    }
    for (let slot = flat.next(-1); slot !== undefined && slot <= options.through; slot = flat.next(slot)) {
      if (own.has(slot)) continue;
      const vector = flat.vector(slot);
      const node = graph.#find(vectorKey(vector), vector);
      if (node === undefined) throw new AttractorError('index_invalid', `slot ${slot} is not in the graph`);
      graph.#join(slot, node);
    }
    for (const node of own) graph.#updateMark(node);
    graph.#through = options.through;
    return graph;
  }

  /** The node that holds exactly this vector, unmarked: hnswlib shows no marked point. */
  #find(key: number, vector: Float32Array): number | undefined {
    const node = this.#nodeByKey.get(key);
    if (node === undefined) return undefined;
    if (this.#marked.delete(node)) this.#hnsw.unmarkDelete(node);
    if (this.#hnsw.getPoint(node).every((x, i) => x === vector[i])) return node;
    this.#updateMark(node);
    return undefined;
  }

  #join(slot: number, node: number): void {
    const twins = this.#twins.get(node);
    if (twins) twins.add(slot);
    else this.#twins.set(node, new Set([slot]));
    this.#nodeOfTwin.set(slot, node);
  }

  /** A node is marked exactly while no live slot uses it. */
  #updateMark(node: number): void {
    const unused = this.#ownDead.has(node) && !this.#twins.has(node);
    if (unused === this.#marked.has(node)) return;
    if (unused) this.#hnsw.markDelete(node);
    else this.#hnsw.unmarkDelete(node);
    if (unused) this.#marked.add(node);
    else this.#marked.delete(node);
  }
}

/** A 32-bit hash of the vector's bits (the body of MurmurHash3: every bit of a word, signs too, reaches the rest). */
export function vectorKey(vector: Float32Array): number {
  const words = new Int32Array(vector.buffer, vector.byteOffset, vector.length);
  let hash = 0;
  for (let i = 0; i < words.length; i++) {
    let word = Math.imul(words[i]!, 0xcc9e2d51);
    word = Math.imul((word << 15) | (word >>> 17), 0x1b873593);
    hash ^= word;
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  return hash;
}
