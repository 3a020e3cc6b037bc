// An HNSW graph that is searched, never changed: links between the copies of the rows of `flat`, from a verified file, and which
// of their slots are still live. Built by builder.ts, in another process. A cache over the vectors in `flat`, never their home.

import { AttractorError, invalid } from '../errors/error.ts';
import type { Copies } from '../math/copies.ts';
import type { FlatIndex } from './flat.ts';
import { vectorKey } from './vector-key.ts';

export interface GraphShape {
  readonly dimension: number;
  /** Links per node and layer; layer 0 has twice as many. 2 to 100. */
  readonly m: number;
  /** Search width while building. */
  readonly efConstruction: number;
}

/** A verified file in memory, its numbers those of copies: what incoming-graph.ts makes. */
export interface BuiltGraph {
  readonly shape: GraphShape;
  /** Of nodes whose slots have no rows any more, `orphans` of them; then of the rows of `flat` up to that of `through`. */
  readonly copies: Copies;
  readonly orphans: number;
  /** How many nodes there are. */
  readonly nodes: number;
  /** Where walks begin, and how many layers are above layer 0 there. */
  readonly entry: number;
  readonly layers: number;
  /** Every slot up to here that was live when it was built has its vector in it; these rows of `flat` are pinned. */
  readonly through: number;
  /** Calls `visit` with each node's number and `vectorKey` in the order in which they were built. */
  eachKey(visit: (number: number, key: number) => void): void;
}

export function checkShape({ m, efConstruction }: GraphShape): void {
  if (!Number.isInteger(m) || m < 2 || m > 100) throw invalid('m', 'an integer from 2 to 100', m);
  if (!Number.isInteger(efConstruction) || efConstruction < m) {
    throw invalid('efConstruction', `an integer of m = ${m} or more`, efConstruction);
  }
}

export class Graph {
  readonly shape: GraphShape;
  /** Every live slot up to here is in the graph; -1 where there is none. */
  readonly through: number;
  /** Nodes, those included that no live slot uses any more. */
  readonly nodes: number;
  readonly #walked: Pick<BuiltGraph, 'copies' | 'orphans' | 'entry' | 'layers'> | undefined;
  readonly #flat: FlatIndex | undefined;
  /** Live rows whose vector is bit-equal to that of another slot's node, by node. */
  readonly #twins = new Map<number, Set<number>>();
  readonly #nodeOfTwin = new Map<number, number>();
  #tombstones = 0;

  private constructor(shape: GraphShape, built?: BuiltGraph, flat?: FlatIndex) {
    this.shape = shape;
    this.#flat = flat;
    this.through = built?.through ?? -1;
    this.nodes = built?.nodes ?? 0;
    if (!built) return;
    const { copies, orphans, entry, layers } = built;
    this.#walked = { copies, orphans, entry, layers };
  }

  static empty(shape: GraphShape): Graph {
    checkShape(shape);
    return new Graph(shape);
  }

  /**
   * A graph of what was read, brought in line with `flat` in one turn, which takes its copies: nodes that lost their slots are
   * dead, twins joined. Throws `index_invalid` where a live slot up to `through` is not in the graph.
   */
  static of(built: BuiltGraph, flat: FlatIndex): Graph {
    const { shape, copies, orphans } = built;
    const graph = new Graph(shape, built, flat);
    const twins: number[] = [];
    for (let row = 0; row < copies.count - orphans; row++) {
      if (flat.live.has(row) && !copies.isNode(orphans + row)) twins.push(row);
    }
    graph.#joinAll(twins, built);
    for (let number = 0; number < copies.count; number++) {
      if (copies.isNode(number)) graph.#updateLife(number);
    }
    flat.adopt(copies, orphans);
    return graph;
  }

  /** Nodes that no live slot uses any more. */
  get tombstones(): number {
    return this.#tombstones;
  }

  /** Forgets a row up to that of `through` that was live. */
  drop(row: number): void {
    const node = this.#nodeOfTwin.get(row) ?? this.#walked!.orphans + row;
    const twins = this.#twins.get(node);
    if (this.#nodeOfTwin.delete(row)) {
      twins!.delete(row);
      if (twins!.size === 0) this.#twins.delete(node);
    }
    this.#updateLife(node);
  }

  /**
   * Live rows among which the best `k` are that a walk of width `ef` finds, in no order: to be scored by the caller. Undefined
   * where a scan would be cheaper.
   */
  near(options: { vector: Float32Array; k: number; ef: number }): number[] | undefined {
    if (!this.#walked) return [];
    const { copies, orphans, entry, layers } = this.#walked;
    const { vector, k, ef } = options;
    const nodes = copies.near({ vector, k, width: Math.max(k, ef), entry, layers });
    if (!nodes || this.#twins.size === 0) return nodes?.map((node) => node - orphans);
    const rows: number[] = [];
    for (const node of nodes) {
      if (this.#usedByItsOwn(node)) rows.push(node - orphans);
      for (const twin of this.#twins.get(node) ?? []) rows.push(twin);
    }
    return rows;
  }

  /** The builder left a row's slot out because its vector is that of the first node with its key. */
  #joinAll(rows: readonly number[], built: BuiltGraph): void {
    if (rows.length === 0) return;
    const flat = this.#flat!;
    const keyOf = (row: number) => vectorKey(flat.vectorAt(row));
    const firstByKey = new Map<number, number | undefined>();
    for (const row of rows) firstByKey.set(keyOf(row), undefined);
    built.eachKey((number, key) => {
      if (firstByKey.has(key) && firstByKey.get(key) === undefined) firstByKey.set(key, number);
    });
    for (const row of rows) {
      const node = firstByKey.get(keyOf(row));
      if (node === undefined) {
        throw new AttractorError('index_invalid', `slot ${flat.slotAt(row)} is not in the graph`);
      }
      const twins = this.#twins.get(node);
      if (twins) twins.add(row);
      else this.#twins.set(node, new Set([row]));
      this.#nodeOfTwin.set(row, node);
    }
  }

  /** A node is dead exactly while no live slot uses it. Only deaths happen, for a slot never comes back. */
  #updateLife(node: number): void {
    if (this.#usedByItsOwn(node) || this.#twins.has(node)) return;
    this.#walked!.copies.kill(node);
    this.#tombstones++;
  }

  /** Whether the slot that a node was built for is live. */
  #usedByItsOwn(node: number): boolean {
    const { orphans } = this.#walked!;
    return node >= orphans && this.#flat!.live.has(node - orphans);
  }
}
