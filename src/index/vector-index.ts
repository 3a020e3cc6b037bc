// The VectorIndex port: u32 slots and unit vectors in, nearest slots out. `flat.ts` is the exact, permanent
// reference; `hnsw.ts` is hnswlib-node behind a guard. Both pass test/contracts/vector-index.contract.ts.
// Knows nothing of items, ids or files.

export interface SearchRequest {
  /** Finite, length `dimension`. */
  readonly vector: Float32Array;
  /** 1 or more; fewer hits come back only where fewer live slots exist. */
  readonly k: number;
  /** Search width of a graph index; ignored by exact ones. */
  readonly ef?: number;
}

/** Best first. Equal scores are ordered by slot, so that answers do not depend on insertion history. */
export interface SearchHits {
  readonly slots: Uint32Array;
  /** Inner product; the cosine for unit vectors. */
  readonly scores: Float32Array;
}

export interface VectorIndex {
  readonly dimension: number;
  /** Live slots. */
  readonly size: number;
  has(slot: number): boolean;
  /**
   * Slots ascend: one at or below the highest ever added throws `invalid_argument`, so none is ever re-used.
   * A wrong length throws `vector_dimension`, a component that is not finite `invalid_argument`.
   */
  add(entry: { slot: number; vector: Float32Array }): void;
  /** Returns false where the slot is not live. */
  remove(slot: number): boolean;
  search(request: SearchRequest): SearchHits;
}
