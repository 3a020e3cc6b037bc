// The approximate index: an HNSW graph over the slots it has taken in so far, and an exact scan of the rest.
// So it answers rightly at any time: while it catches up, after a restart with an old file, with no graph at all.
// Every hit is scored exactly from the vectors in `flat`. Files are index-file.ts; when to catch up is the caller's.

import { invalid } from '../errors/error.ts';
import { TopK } from '../math/top-k.ts';
import { FlatIndex } from './flat.ts';
import { Graph, type GraphShape } from './graph.ts';
import { checkSearch } from './guard.ts';
import type { SearchHits, SearchRequest, VectorIndex } from './vector-index.ts';

export interface HnswOptions {
  /** Default 16. */
  readonly m?: number;
  /** Default 200. */
  readonly efConstruction?: number;
  /** Search width where a request names none; default 100. */
  readonly ef?: number;
}

export class HnswIndex implements VectorIndex {
  readonly dimension: number;
  readonly shape: GraphShape;
  /** All live vectors: the exact answer, at the price of a full scan. Changed only through this index. */
  readonly flat: FlatIndex;
  readonly #ef: number;
  #graph: Graph;
  /** The successor under construction; `#graph` serves until it has caught up. */
  #next: Graph | undefined;

  /** `onSqueeze`: see FlatIndex. */
  constructor(options: HnswOptions & { dimension: number; onSqueeze?: (live: Uint8Array) => void }) {
    const { dimension, onSqueeze, m = 16, efConstruction = 200, ef = 100 } = options;
    if (!Number.isInteger(ef) || ef < 1) throw invalid('ef', 'an integer of 1 or more', ef);
    this.dimension = dimension;
    this.shape = { dimension, m, efConstruction };
    this.flat = new FlatIndex({ dimension, onSqueeze });
    this.#ef = ef;
    this.#graph = new Graph(this.shape);
  }

  get size(): number {
    return this.flat.size;
  }

  /** The search width where a request names none. */
  get ef(): number {
    return this.#ef;
  }

  /** The graph that serves; index-file.ts saves it. */
  get graph(): Graph {
    return this.#graph;
  }

  /** Live slots that the graph has; the others are searched exactly. */
  get inGraph(): number {
    return this.size - this.flat.countAfter(this.#graph.through);
  }

  has(slot: number): boolean {
    return this.flat.has(slot);
  }

  /** Cheap: the vector is searched exactly until `advance` takes it into the graph. */
  add(entry: { slot: number; vector: Float32Array }): void {
    this.flat.add(entry);
  }

  remove(slot: number): boolean {
    if (!this.flat.remove(slot)) return false;
    for (const graph of [this.#graph, this.#next]) if (graph && slot <= graph.through) graph.drop(slot);
    return true;
  }

  search(request: SearchRequest): SearchHits {
    checkSearch(request, this.dimension);
    const { vector, ef = this.#ef } = request;
    const k = Math.min(request.k, this.size);
    const top = new TopK(k);
    for (const slot of this.#graph.near({ vector, k, ef })) top.push(slot, this.flat.score(slot, vector));
    this.flat.scan({ vector, top, after: this.#graph.through });
    const { keys, scores } = top.take();
    // A walk among many tombstones can come home with too few: the scan never does.
    return keys.length < k ? this.flat.search(request) : { slots: keys, scores };
  }

  /** Takes up to `count` more slots into the graph, about 0.1 to 0.5 ms each. True while there is more to do. */
  advance(count: number): boolean {
    const graph = this.#next ?? this.#graph;
    let slot = this.flat.next(graph.through);
    for (let i = 0; i < count && slot !== undefined; i++) {
      graph.add(slot, this.flat.vector(slot));
      slot = this.flat.next(slot);
    }
    if (slot !== undefined) return true;
    this.#graph = graph;
    this.#next = undefined;
    return false;
  }

  /** Starts a new graph without tombstones; `advance` builds it, and the old one serves until then. */
  compact(): void {
    this.#next = new Graph(this.shape);
  }

  /** Serves from a graph that was read from a file; `advance` adds what came after it. */
  adopt(graph: Graph): void {
    this.#graph = graph;
    this.#next = undefined;
  }
}
