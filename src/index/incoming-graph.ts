// A graph on its way from its file into the memory that the copies of the rows of a FlatIndex are in: nodes become numbers of
// copies, their links are packed. Done in steps between which queries are answered; graph.ts takes the result in one turn.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { AttractorError } from '../errors/error.ts';
import { Copies, type LinkSize, linkBytes } from '../math/copies.ts';
import type { FlatIndex } from './flat.ts';
import type { BuiltGraph, GraphShape } from './graph.ts';
import type { GraphFile, GraphVisitor } from './graph-file.ts';

/** Nodes per turn of the event loop: some milliseconds. */
const STEP = 8192;

export class IncomingGraph implements GraphVisitor {
  readonly #shape: GraphShape;
  readonly #flat: FlatIndex;
  readonly #through: number;
  /** Rows that are pinned: what is a row now stays that row. */
  readonly #rows: number;
  /** Copies of nodes whose slots have no rows any more. */
  readonly #orphans: Copies;
  /** By node: its row, or the number of its orphan, turned around (~). */
  #places = new Int32Array(0);
  /** Links on layer 0, node after node: a count and so many nodes. */
  #links = new Uint32Array(0);
  #linksEnd = 0;
  readonly #upper = new Map<number, Uint32Array[]>();

  /** Pins the rows up to `through`. */
  constructor(options: { shape: GraphShape; flat: FlatIndex; through: number }) {
    const { shape, flat, through } = options;
    this.#shape = shape;
    this.#flat = flat;
    this.#through = through;
    this.#rows = flat.pin(through);
    this.#orphans = new Copies({ dimension: shape.dimension });
  }

  begin(nodes: number): void {
    this.#places = new Int32Array(nodes);
    // What is not written to takes no memory.
    this.#links = new Uint32Array(nodes * (1 + 2 * this.#shape.m));
  }

  node(node: number, slot: number, vector: Float32Array, links: Uint32Array): void {
    const row = this.#flat.rowOnceOf(slot);
    this.#places[node] = row >= 0 ? row : ~this.#orphans.count;
    if (row < 0) this.#orphans.push(vector);
    this.#links[this.#linksEnd] = links.length;
    this.#links.set(links, this.#linksEnd + 1);
    this.#linksEnd += 1 + links.length;
  }

  upper(node: number, lists: Uint32Array[]): void {
    this.#upper.set(node, lists);
  }

  /** Throws `index_invalid` where it does not fit. */
  async finish(file: GraphFile): Promise<BuiltGraph> {
    const { entry, layers, keys } = file;
    const { dimension, m } = this.#shape;
    const places = this.#places;
    const orphans = this.#orphans.count;
    const nodes = orphans + this.#rows;
    const links: LinkSize = { m, nodes, bytes: 0 };
    for (const [node, lists] of this.#lists()) {
      links.bytes += linkBytes(lists, nodes);
      if (node % STEP === 0) await nextTurn();
    }
    const copies = new Copies({ dimension, links, threads: this.#flat.threads });
    if (copies.capacity < nodes) {
      throw new AttractorError('index_invalid', `${nodes} nodes do not fit into a memory`);
    }
    copies.append(this.#orphans, 0, orphans);
    for (let row = 0; row < this.#rows; row += STEP) {
      this.#flat.copyTo(copies, row, Math.min(this.#rows, row + STEP));
      await nextTurn();
    }
    const numberOf = (node: number) => (places[node]! < 0 ? ~places[node]! : orphans + places[node]!);
    for (const [node, lists] of this.#lists()) {
      copies.link(
        numberOf(node),
        lists.map((list) => list.map(numberOf)),
      );
      if (node % STEP === 0) await nextTurn();
    }
    return {
      shape: this.#shape,
      copies,
      orphans,
      nodes: places.length,
      entry: numberOf(entry),
      layers,
      through: this.#through,
      eachKey: (visit) => keys.forEach((key, node) => void visit(numberOf(node), key)),
    };
  }

  /** Each node's links, from layer 0 up. */
  *#lists(): Generator<[node: number, lists: Uint32Array[]]> {
    let at = 0;
    for (let node = 0; node < this.#places.length; node++) {
      const end = at + 1 + this.#links[at]!;
      yield [node, [this.#links.subarray(at + 1, end), ...(this.#upper.get(node) ?? [])]];
      at = end;
    }
  }
}
