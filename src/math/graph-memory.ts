// An HNSW graph in WebAssembly memory: int8 copies of the vectors, links, and the walk (kernels/walk.ts). Filled once, node by
// node; later only which nodes are live changes. Knows nodes by number; where the graph comes from is the index's.
//
// From 0 on: nodes, upper links, a byte per node for the walk that saw it last, the query, new neighbours, nodes to be
// looked at, hits. A node: scale, error, norm (f32), slot (u32); codes; count, its highest bit set while no live slot uses the
// node, and links on layer 0; address of the upper links, a count and links per layer from the first up.

import { MOST_CODE, quantised, quantisedQuery } from './quantise.ts';
import { TopK } from './top-k.ts';
import { WALK_WASM } from './walk-wasm.ts';
import { MOST_WASM_BYTES, WasmMemory } from './wasm-memory.ts';

const HEAD = 16;
const LINE = 64;
/** Nodes that may wait to be looked at; a walk that would have more is dearer than a scan. */
const MOST_OPEN = 65_536;
const FIRST_WIDTH = 1024;
const DEAD = 2 ** 31;
/** Where the byte that has seen a node begins anew. */
const WALKS = 255;

interface WalkKernel {
  lay(...addresses: number[]): void;
  near(entry: number, layers: number, width: number, walk: number): number;
}

export interface GraphSize {
  readonly dimension: number;
  /** Links per node and layer; layer 0 has twice as many. */
  readonly m: number;
  readonly nodes: number;
  /** Of all upper links, a count per list included. */
  readonly upperBytes: number;
}

export class GraphMemory {
  readonly size: GraphSize;
  readonly #codes: number;
  readonly #linksAt: number;
  readonly #nodeBytes: number;
  readonly #upperAt: number;
  readonly #seenAt: number;
  readonly #queryAt: number;
  readonly #hitsAt: number;
  readonly #memory: WasmMemory<WalkKernel>;
  #upperEnd: number;
  #walk = 0;

  /** Bytes that such a graph takes; more than `MOST_WASM_BYTES` cannot be had. */
  static bytes(size: GraphSize): number {
    const { nodes, upperBytes } = size;
    const { nodeBytes, codes } = shapeOf(size);
    const scratch = 2 * codes + 4 * (2 * size.m + 1) + 8 * Math.min(MOST_OPEN, nodes) + 8 * FIRST_WIDTH;
    return nodes * nodeBytes + upperBytes + nodes + scratch + 3 * LINE;
  }

  constructor(size: GraphSize) {
    const { nodes, upperBytes, m } = size;
    const { codes, linksAt, nodeBytes } = shapeOf(size);
    this.size = size;
    this.#codes = codes;
    this.#linksAt = linksAt;
    this.#nodeBytes = nodeBytes;
    this.#upperAt = nodes * nodeBytes;
    this.#upperEnd = this.#upperAt;
    this.#seenAt = this.#upperAt + upperBytes;
    this.#queryAt = whole(this.#seenAt + nodes);
    const freshAt = this.#queryAt + 2 * codes;
    const openAt = whole(freshAt + 4 * (2 * m + 1));
    const room = Math.min(MOST_OPEN, nodes);
    this.#hitsAt = openAt + 8 * room;
    this.#memory = new WasmMemory({ wasm: WALK_WASM, mostBytes: MOST_WASM_BYTES });
    this.#memory.reserve(this.#hitsAt + 8 * FIRST_WIDTH, 0);
    const { kernel } = this.#memory;
    const lists = [4 + 8 * m, 4 + 4 * m];
    kernel.lay(
      this.#queryAt,
      freshAt,
      this.#hitsAt,
      openAt,
      room,
      this.#seenAt,
      0,
      nodeBytes,
      codes,
      ...lists,
    );
  }

  get bytes(): number {
    return this.#memory.bytes;
  }

  /** `links`: numbers of other nodes, at most `2 m`. */
  setNode(node: number, entry: { slot: number; vector: Float32Array; links: Uint32Array }): void {
    const { f32, u32, i8 } = this.#memory;
    const at = node * this.#nodeBytes;
    const { codes, scale, error, norm } = quantised(entry.vector, MOST_CODE);
    f32[at / 4] = scale;
    f32[at / 4 + 1] = error;
    f32[at / 4 + 2] = norm;
    u32[at / 4 + 3] = entry.slot;
    i8.set(codes, at + HEAD);
    u32[(at + this.#linksAt) / 4] = entry.links.length;
    u32.set(entry.links, (at + this.#linksAt) / 4 + 1);
  }

  /** Links above layer 0, a list per layer from the first up; nodes in ascending order. */
  setUpper(node: number, lists: readonly Uint32Array[]): void {
    const { u32 } = this.#memory;
    u32[this.#upperLink(node)] = this.#upperEnd;
    for (const list of lists) {
      u32[this.#upperEnd / 4] = list.length;
      u32.set(list, this.#upperEnd / 4 + 1);
      this.#upperEnd += 4 + 4 * this.size.m;
    }
  }

  /** The slot that a node is named after. */
  slot(node: number): number {
    return this.#memory.u32[(node * this.#nodeBytes) / 4 + 3];
  }

  /** A dead node is walked through, and is no hit. */
  setLive(node: number, live: boolean): void {
    const { u32 } = this.#memory;
    const at = (node * this.#nodeBytes + this.#linksAt) / 4;
    u32[at] = live ? u32[at] % DEAD : (u32[at] % DEAD) + DEAD;
  }

  /**
   * Nodes among which the best `k` of the at most `width` live ones are that a walk from `entry` finds, by bounds: to be scored
   * from the vectors themselves. Undefined where a scan would be cheaper than to go on.
   */
  near(options: {
    vector: Float32Array;
    k: number;
    width: number;
    entry: number;
    layers: number;
  }): number[] | undefined {
    const { k, entry, layers, width } = options;
    const memory = this.#memory;
    if (this.#hitsAt + 8 * width > MOST_WASM_BYTES) return undefined;
    memory.reserve(this.#hitsAt + 8 * width, 0);
    const { f32, u32 } = memory;
    const query = quantisedQuery(options.vector, this.#codes);
    memory.i16.set(query.codes, this.#queryAt / 2);
    if (++this.#walk > WALKS) {
      this.#walk = 1;
      memory.u8.fill(0, this.#seenAt, this.#seenAt + this.size.nodes);
    }
    const count = memory.kernel.near(entry, layers, width, this.#walk);
    if (count < 0) return undefined;
    const lowest = new TopK(Math.min(k, count));
    const uppers = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const node = u32[this.#hitsAt / 4 + 2 * i];
      const at = (node * this.#nodeBytes) / 4;
      const score = query.scale * scoreOf(u32[this.#hitsAt / 4 + 2 * i + 1]);
      const spread = query.perError * f32[at + 1] + query.perNorm * f32[at + 2];
      if (!Number.isNaN(score - spread)) lowest.push(node, score - spread);
      uppers[i] = score + spread;
    }
    const nodes: number[] = [];
    // A bound that is no number (a norm overflowed) excludes nothing.
    for (let i = 0; i < count; i++) {
      if (!(uppers[i] < lowest.floor)) nodes.push(u32[this.#hitsAt / 4 + 2 * i]);
    }
    return nodes;
  }

  /** Where the address of a node's upper links is, in words. */
  #upperLink(node: number): number {
    return (node * this.#nodeBytes + this.#linksAt + 4 + 8 * this.size.m) / 4;
  }
}

function shapeOf({ dimension, m }: { dimension: number; m: number }) {
  const codes = 8 * Math.ceil(dimension / 8);
  const linksAt = HEAD + codes;
  // Nodes that begin with a line of the cache are read a fifth faster.
  return { codes, linksAt, nodeBytes: whole(linksAt + 4 + 8 * m + 4) };
}

const whole = (bytes: number) => LINE * Math.ceil(bytes / LINE);

const word = new Uint32Array(1);
const asFloat = new Float32Array(word.buffer);

/** A score from its place in the order of scores (`ranked` of the kernel). */
function scoreOf(order: number): number {
  word[0] = order >= DEAD ? order - DEAD : ~order;
  return asFloat[0];
}
