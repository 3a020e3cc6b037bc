// The approximate index: an HNSW graph over the slots up to some one, and an exact scan of those after it. So it answers
// rightly at any time: while a graph is built elsewhere, after a restart with an old file, with no graph at all. Every hit is
// scored exactly from the vectors in `flat`. Files are index-file.ts; when to build is the caller's.

import { invalid } from '../errors/error.ts';
import type { Bits } from '../math/bits.ts';
import { Copies } from '../math/copies.ts';
import type { ScanThreads } from '../math/scan-threads.ts';
import { TopK } from '../math/top-k.ts';
import { FlatIndex } from './flat.ts';
import { type BuiltGraph, Graph, type GraphShape } from './graph.ts';
import { checkSearch } from './guard.ts';
import type { SearchHits, SearchRequest, VectorIndex } from './vector-index.ts';

export interface HnswOptions {
  /** Default 16. */
  readonly m?: number;
  /** Default 200. */
  readonly efConstruction?: number;
  /** Search width where a request names none; default 100. */
  readonly ef?: number;
  /** Vectors from which on a graph is worth its price; default: as many as a scan takes longer than a walk. */
  readonly from?: number;
  /** That scan; default the caller's alone. */
  readonly threads?: ScanThreads;
}

/** Components of the rows to choose from up to which a scan costs about what a walk does: 16,384 rows of 128. */
export const SCAN_COMPONENTS = 2 ** 21;

export class HnswIndex implements VectorIndex {
  readonly dimension: number;
  readonly shape: GraphShape;
  /** All live vectors: the exact answer, at the price of a full scan. Changed only through this index. */
  readonly flat: FlatIndex;
  /** Vectors from which on a graph is worth its price. */
  readonly from: number;
  readonly #ef: number;
  #graph: Graph;

  /** `onSqueeze`: see FlatIndex. */
  constructor(options: HnswOptions & { dimension: number; onSqueeze?: (stays: Bits) => void }) {
    const { dimension, threads, onSqueeze, m = 16, efConstruction = 200, ef = 100 } = options;
    const { from = Math.ceil(SCAN_COMPONENTS / dimension) } = options;
    for (const [name, value] of Object.entries({ ef, from })) {
      if (!Number.isInteger(value) || value < 1) throw invalid(name, 'an integer of 1 or more', value);
    }
    this.dimension = dimension;
    this.shape = { dimension, m, efConstruction };
    this.flat = new FlatIndex({ dimension, threads, onSqueeze });
    this.#ef = ef;
    this.from = from;
    this.#graph = Graph.empty(this.shape);
  }

  get size(): number {
    return this.flat.size;
  }

  /** The search width where a request names none. */
  get ef(): number {
    return this.#ef;
  }

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

  add(entry: { slot: number; vector: Float32Array }): void {
    this.flat.add(entry);
  }

  remove(slot: number): boolean {
    const row = this.flat.rowOf(slot);
    if (!this.flat.remove(slot)) return false;
    if (slot <= this.#graph.through) this.#graph.drop(row);
    return true;
  }

  search(request: SearchRequest): SearchHits {
    checkSearch(request, this.dimension);
    const { vector, ef = this.#ef } = request;
    const k = Math.min(request.k, this.size);
    const top = new TopK(k);
    const near = this.#graph.near({ vector, k, ef });
    if (near) {
      this.flat.rank(near, vector, top);
      this.flat.scan({ vector, top, after: this.#graph.through });
    }
    const { keys, scores } = top.take();
    // A walk among many tombstones can come home with too few: the scan never does.
    return keys.length < k ? this.flat.search(request) : { slots: keys, scores };
  }

  /** Serves from another graph, or from none. Throws `index_invalid` where a live slot is missing in it. */
  adopt(built: BuiltGraph | undefined): void {
    const { flat, shape } = this;
    const before = this.#graph;
    try {
      this.#graph = built ? Graph.of(built, flat) : Graph.empty(shape);
    } finally {
      flat.pin(this.#graph.through);
    }
    // Copies alone, without the links that were among them.
    if (!built && before.nodes > 0)
      flat.adopt(new Copies({ dimension: this.dimension, threads: flat.threads }), 0);
  }
}
