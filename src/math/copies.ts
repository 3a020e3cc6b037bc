// int8 copies of vectors in one WebAssembly memory, by number: for the scan, and with links between them for the walk of an HNSW
// graph (kernels/*.ts). The links are fixed when the memory is made; copies come and go at its end. What a number stands for
// is its user's.
//
// From 0 on: the query; what the scan takes (sieve.ts); of the graph new neighbours, hits, nodes to be looked at, a byte per node for
// the walk that saw it last, and the links; then the copies. A copy:
// scale, error, norm (f32); where its links are, in units of two bytes, 0 where it is no node, the highest bit set while no live
// slot uses it (u32); codes. Links of a node: layer by layer from the lowest up a count (u8) and so many numbers of 3 or 4 bytes.

import type { Bits } from './bits.ts';
import { COPIES_WASM } from './kernels-wasm.ts';
import { quantise, quantiseQuery } from './quantise.ts';
import type { ScanThreads } from './scan-threads.ts';
import { type Lowest, Sieve, type SieveKernels } from './sieve.ts';
import { TopK } from './top-k.ts';
import { MOST_WASM_BYTES, WasmMemory } from './wasm-memory.ts';

const HEAD = 16;
const LINKS_AT = 12;
const LINE = 64;
/** Nodes that may wait to be looked at, and hits; a walk that would have more is dearer than a scan. */
const MOST_OPEN = 65_536;
const DEAD = 2 ** 31;
/** Where the byte that has seen a node begins anew. */
const WALKS = 255;

interface Kernels extends SieveKernels {
  lay(...addresses: number[]): void;
  near(entry: number, layers: number, width: number, walk: number): number;
}

export interface LinkSize {
  /** Links per node and layer; layer 0 has twice as many. Up to 127. */
  readonly m: number;
  /** Copies from 0 on that may be nodes. */
  readonly nodes: number;
  /** The sum of `linkBytes` over all nodes. */
  bytes: number;
}

/** Of one node's links, a list per layer; `nodes` as in `LinkSize`. */
export function linkBytes(lists: readonly { readonly length: number }[], nodes: number): number {
  const bytes = lists.reduce((sum, { length }) => sum + 1 + length * widthOf(nodes), 0);
  return bytes + (bytes % 2);
}

export class Copies {
  /** How many there is room for. */
  readonly capacity: number;
  readonly #codes: number;
  readonly #stride: number;
  readonly #links: LinkSize;
  readonly #layout: ReturnType<typeof layout>;
  readonly #memory: WasmMemory<Kernels>;
  readonly #sieve: Sieve;
  #count = 0;
  #linksEnd: number;
  #walk = 0;

  /** Bytes of so many copies with such links; more than `MOST_WASM_BYTES` cannot be had. */
  static bytes(options: { dimension: number; count: number; links?: LinkSize }): number {
    const { dimension, count, links = NO_LINKS } = options;
    return layout(dimension, links).copiesAt + count * strideOf(dimension);
  }

  /** `threads`: that scan; default the caller's. */
  constructor(options: {
    dimension: number;
    links?: LinkSize;
    mostBytes?: number;
    threads?: ScanThreads;
  }) {
    const { dimension, links = NO_LINKS, mostBytes = MOST_WASM_BYTES, threads } = options;
    this.#codes = codesOf(dimension);
    this.#stride = strideOf(dimension);
    this.#links = links;
    this.#layout = layout(dimension, links, threads);
    const { sieveAt, freshAt, hitsAt, openAt, room, seenAt, linksAt, copiesAt } = this.#layout;
    this.#linksEnd = linksAt;
    this.capacity = Math.max(1, Math.floor((mostBytes - copiesAt - 2 * LINE) / this.#stride));
    this.#memory = new WasmMemory({ wasm: COPIES_WASM, mostBytes: MOST_WASM_BYTES, shared: true });
    this.#memory.reserve(copiesAt, 0);
    this.#sieve = new Sieve({ memory: this.#memory, at: sieveAt, threads });
    const width = widthOf(links.nodes);
    this.#memory.kernel.lay(0, freshAt, hitsAt, openAt, room, seenAt, copiesAt, this.#codes, width);
  }

  get count(): number {
    return this.#count;
  }

  /** Bytes held, by what for; the room to grow takes no memory before it is used. */
  get bytes(): { copies: number; links: number; walk: number; room: number } {
    const { linksAt, copiesAt } = this.#layout;
    const copies = this.#count * this.#stride;
    const links = copiesAt - linksAt;
    return { copies, links, walk: linksAt, room: this.#memory.bytes - copiesAt - copies };
  }

  /** Where there is room. */
  push(vector: Float32Array): void {
    this.#grow(1);
    const { f32, i8 } = this.#memory;
    const at = this.#at(this.#count++);
    const { scale, error, norm } = quantise(vector, i8, at + HEAD);
    f32[at / 4] = scale;
    f32[at / 4 + 1] = error;
    f32[at / 4 + 2] = norm;
    f32[at / 4 + 3] = 0;
    // Where there was another copy before.
    i8.fill(0, at + HEAD + vector.length, at + this.#stride);
  }

  /** Copies of another memory, without their links, where there is room. */
  append(from: Copies, first: number, end: number): void {
    this.#grow(end - first);
    const { u8, u32 } = this.#memory;
    u8.set(from.#memory.u8.subarray(from.#at(first), from.#at(end)), this.#at(this.#count));
    for (let i = first; i < end; i++) u32[this.#linksWord(this.#count++)] = 0;
  }

  /** A copy of this or another memory, without its links, in the place of one that is no node. */
  put(to: number, from: Copies, number: number): void {
    const { u8, u32 } = this.#memory;
    u8.set(from.#memory.u8.subarray(from.#at(number), from.#at(number + 1)), this.#at(to));
    u32[this.#linksWord(to)] = 0;
  }

  /** Forgets the copies from `count` on. */
  cut(count: number): void {
    this.#count = count;
  }

  /** Makes a copy a live node. Links by layer from the lowest up, numbers of nodes. */
  link(number: number, lists: readonly ArrayLike<number>[]): void {
    const { u8, u32 } = this.#memory;
    const width = widthOf(this.#links.nodes);
    let at = this.#linksEnd;
    u32[this.#linksWord(number)] = at / 2;
    for (const list of lists) {
      u8[at++] = list.length;
      for (let i = 0; i < list.length; i++) {
        for (let byte = 0; byte < width; byte++) u8[at++] = list[i] >>> (8 * byte);
      }
    }
    this.#linksEnd = at + (at % 2);
  }

  isNode(number: number): boolean {
    return this.#memory.u32[this.#linksWord(number)] !== 0;
  }

  /** A dead node is walked through, and is no hit. */
  kill(number: number): void {
    const { u32 } = this.#memory;
    const word = this.#linksWord(number);
    u32[word] = (u32[word] % DEAD) + DEAD;
  }

  /**
   * Rows from `first` up to `end` that may be among the best, as far as `lowest` has seen yet, to `found`, in no order; a row's copy
   * has the number row - `shift`. The other options are those of `VectorRows.candidates`.
   */
  sift(options: {
    vector: Float32Array;
    first: number;
    end: number;
    shift: number;
    wanted: Bits;
    lowest: Lowest;
    found: { readonly rows: number[]; readonly uppers: number[] };
  }): void {
    const { vector, shift, ...rest } = options;
    const query = quantiseQuery(vector, this.#memory.i16);
    this.#sieve.sift({ ...rest, query, copies: this.#at(-shift), stride: this.#stride });
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
    const { k, entry, layers } = options;
    const { hitsAt, seenAt, room } = this.#layout;
    const width = Math.min(options.width, this.#links.nodes);
    if (width > room) return undefined;
    const { f32, u32, u8, i16, kernel } = this.#memory;
    const { scale, perError, perNorm } = quantiseQuery(options.vector, i16);
    if (++this.#walk > WALKS) {
      this.#walk = 1;
      u8.fill(0, seenAt, seenAt + this.#links.nodes);
    }
    const count = kernel.near(entry, layers, width, this.#walk);
    if (count < 0) return undefined;
    const lowest = new TopK(Math.min(k, count));
    const uppers: number[] = [];
    for (let i = 0; i < count; i++) {
      const node = u32[hitsAt / 4 + 2 * i];
      const at = this.#at(node) / 4;
      const score = scale * scoreOf(u32[hitsAt / 4 + 2 * i + 1]);
      const spread = perError * f32[at + 1] + perNorm * f32[at + 2];
      if (!Number.isNaN(score - spread)) lowest.push(node, score - spread);
      uppers.push(score + spread);
    }
    const nodes: number[] = [];
    // A bound that is no number (a norm overflowed) excludes nothing.
    for (let i = 0; i < count; i++) {
      if (!(uppers[i] < lowest.floor)) nodes.push(u32[hitsAt / 4 + 2 * i]);
    }
    return nodes;
  }

  /** Where a copy begins, in bytes. */
  #at(number: number): number {
    return this.#layout.copiesAt + number * this.#stride;
  }

  #linksWord(number: number): number {
    return (this.#at(number) + LINKS_AT) / 4;
  }

  #grow(count: number): void {
    // The walk touches a line after the last copy.
    this.#memory.reserve(this.#at(this.#count + count) + 2 * LINE);
  }
}

const NO_LINKS: LinkSize = { m: 0, nodes: 0, bytes: 0 };

/** Whole sixteens. */
const codesOf = (dimension: number): number => 16 * Math.ceil(dimension / 16);
const strideOf = (dimension: number): number => HEAD + codesOf(dimension);
/** Bytes of a number of a node. */
const widthOf = (nodes: number): number => (nodes <= 2 ** 24 ? 3 : 4);

function layout(dimension: number, { m, nodes, bytes }: LinkSize, threads?: ScanThreads) {
  const sieveAt = LINE * Math.ceil((2 * codesOf(dimension)) / LINE);
  const hitsAt = sieveAt + Sieve.bytes(threads);
  const room = Math.min(MOST_OPEN, nodes);
  const openAt = hitsAt + 8 * room;
  const freshAt = openAt + 8 * room;
  const seenAt = freshAt + 8 * (2 * m + 3);
  const linksAt = LINE * Math.ceil((seenAt + nodes) / LINE);
  // The kernel reads a link as a word, whose last byte may be of the next part.
  const copiesAt = LINE * Math.ceil((linksAt + bytes) / LINE);
  return { sieveAt, hitsAt, room, openAt, freshAt, seenAt, linksAt, copiesAt };
}

const word = new Uint32Array(1);
const asFloat = new Float32Array(word.buffer);

/** A score from its place in the order of scores (`ranked` of the kernel). */
function scoreOf(order: number): number {
  word[0] = order >= DEAD ? order - DEAD : ~order;
  return asFloat[0];
}
