// An HNSW graph that is searched, never changed: nodes from a verified file, and which of their slots are still live. Built by
// builder.ts, in another process. A cache over the vectors in `flat`, never their home.

import { AttractorError, invalid } from '../errors/error.ts';
import type { GraphMemory } from '../math/graph-memory.ts';
import type { FlatIndex } from './flat.ts';
import { vectorKey } from './vector-key.ts';

export interface GraphShape {
  readonly dimension: number;
  /** Links per node and layer; layer 0 has twice as many. 2 to 100. */
  readonly m: number;
  /** Search width while building. */
  readonly efConstruction: number;
}

/** What graph-file.ts reads. */
export interface GraphContent {
  readonly memory: GraphMemory;
  /** Of the nodes' vectors, by node. */
  readonly keys: Int32Array;
  /** Where walks begin, and how many layers are above layer 0 there. */
  readonly entry: number;
  readonly layers: number;
}

/** A verified file, in memory. */
export interface BuiltGraph {
  readonly shape: GraphShape;
  readonly content: GraphContent;
  /** Every slot up to here that was live when it was built has its vector in it. */
  readonly through: number;
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
  readonly #content: GraphContent | undefined;
  /** 1 where the slot that a node is named after is dead. */
  readonly #ownDead: Uint8Array;
  /** Live slots whose vector is bit-equal to that of another slot's node, by node. */
  readonly #twins = new Map<number, Set<number>>();
  readonly #nodeOfTwin = new Map<number, number>();
  #tombstones = 0;

  /** Without content: a graph of nothing. With it, its slots are brought in line with `flat` by `Graph.of` only. */
  private constructor(shape: GraphShape, through: number, content?: GraphContent) {
    this.shape = shape;
    this.through = through;
    this.#content = content;
    this.#ownDead = new Uint8Array(content?.memory.size.nodes ?? 0);
  }

  static empty(shape: GraphShape): Graph {
    checkShape(shape);
    return new Graph(shape, -1);
  }

  /**
   * A graph of what was read, brought in line with `flat` in one turn: nodes that lost their slots are dead, twins joined.
   * Throws `index_invalid` where a live slot up to `through` is not in the graph.
   */
  static of({ shape, content, through }: BuiltGraph, flat: FlatIndex): Graph {
    const { memory } = content;
    const graph = new Graph(shape, through, content);
    const twins: number[] = [];
    let node = 0;
    const dead = (until: number) => {
      for (; node < memory.size.nodes && memory.slot(node) < until; node++) graph.#ownDead[node] = 1;
    };
    flat.eachSlot({
      through,
      visit(slot) {
        dead(slot);
        if (node < memory.size.nodes && memory.slot(node) === slot) node++;
        else twins.push(slot);
      },
    });
    dead(Number.POSITIVE_INFINITY);
    graph.#joinAll(twins, flat);
    for (let i = 0; i < memory.size.nodes; i++) graph.#updateLife(i, true);
    return graph;
  }

  get nodes(): number {
    return this.#content?.memory.size.nodes ?? 0;
  }

  /** Nodes that no live slot uses any more. */
  get tombstones(): number {
    return this.#tombstones;
  }

  /** Forgets a slot up to `through` that was live. */
  drop(slot: number): void {
    const twinOf = this.#nodeOfTwin.get(slot);
    if (twinOf === undefined) {
      const node = this.#nodeOf(slot);
      this.#ownDead[node] = 1;
      this.#updateLife(node);
      return;
    }
    this.#nodeOfTwin.delete(slot);
    const twins = this.#twins.get(twinOf)!;
    twins.delete(slot);
    if (twins.size === 0) this.#twins.delete(twinOf);
    this.#updateLife(twinOf);
  }

  /**
   * Live slots among which the best `k` are that a walk of width `ef` finds, in no order: to be scored by the caller. Undefined
   * where a scan would be cheaper.
   */
  near(options: { vector: Float32Array; k: number; ef: number }): number[] | undefined {
    if (!this.#content) return [];
    const { memory, entry, layers } = this.#content;
    const { vector, k } = options;
    const width = Math.min(Math.max(k, options.ef), this.nodes);
    const nodes = memory.near({ vector, k, width, entry, layers });
    if (!nodes || this.#twins.size === 0) return nodes?.map((node) => memory.slot(node));
    const slots: number[] = [];
    for (const node of nodes) {
      if (this.#ownDead[node] === 0) slots.push(memory.slot(node));
      for (const twin of this.#twins.get(node) ?? []) slots.push(twin);
    }
    return slots;
  }

  /** The builder left a slot out because its vector is that of the first node with its key. */
  #joinAll(slots: readonly number[], flat: FlatIndex): void {
    if (slots.length === 0) return;
    const firstByKey = new Map<number, number | undefined>();
    for (const slot of slots) firstByKey.set(vectorKey(flat.vector(slot)), undefined);
    for (const [node, key] of this.#content!.keys.entries()) {
      if (firstByKey.has(key) && firstByKey.get(key) === undefined) firstByKey.set(key, node);
    }
    for (const slot of slots) {
      const node = firstByKey.get(vectorKey(flat.vector(slot)));
      if (node === undefined) throw new AttractorError('index_invalid', `slot ${slot} is not in the graph`);
      const twins = this.#twins.get(node);
      if (twins) twins.add(slot);
      else this.#twins.set(node, new Set([slot]));
      this.#nodeOfTwin.set(slot, node);
    }
  }

  /** A node is dead exactly while no live slot uses it. `first`: it counts as live so far. */
  #updateLife(node: number, first = false): void {
    const dead = this.#ownDead[node] === 1 && !this.#twins.has(node);
    if (first && !dead) return;
    this.#content!.memory.setLive(node, !dead);
    // Only deaths come after the first look: a slot never comes back.
    if (dead) this.#tombstones++;
  }

  #nodeOf(slot: number): number {
    const { memory } = this.#content!;
    let low = 0;
    let high = this.nodes - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (memory.slot(middle) < slot) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
