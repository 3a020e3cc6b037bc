// Reads a file that hnswlib wrote, by the file's own arithmetic, without hnswlib: its writer reports no error and its
// reader checks next to nothing. One pass, in small pieces, off the event loop. Layout: docs/formats.md.

import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { AttractorError } from '../errors/error.ts';
import type { GraphShape } from './graph.ts';
import { vectorKey } from './vector-key.ts';

/** What a verified index file says of its nodes: the node's slot, its mark, and `vectorKey` of its vector. */
export interface GraphNodes {
  readonly slots: Uint32Array;
  readonly marked: Uint8Array;
  readonly keys: Int32Array;
}

export interface GraphFile extends GraphNodes {
  /** Where walks begin, and how many layers are above layer 0 there. */
  readonly entry: number;
  readonly layers: number;
  readonly sha256: string;
  readonly bytes: number;
}

/** Is told what the file holds as it is read, before all of it is checked. Arrays are good until it returns. */
export interface GraphVisitor {
  begin(nodes: number): void;
  /** `links`: on layer 0, to nodes. */
  node(node: number, slot: number, vector: Float32Array, links: Uint32Array): void;
  /** Links above layer 0, from the first layer up; these arrays may be kept. */
  upper(node: number, lists: Uint32Array[]): void;
}

const HEADER_BYTES = 96;
const PIECE = 1 << 20;
/** hnswlib's DELETE_MARK, in the third byte of a node. */
const MARK_AT = 2;
/** hnswlib draws layers from an exponential distribution: 2^32 nodes of m = 2 have some 60. */
const MOST_LAYERS = 200;

interface Layout {
  readonly rows: number;
  /** Of one node on layer 0: links, vector, label. */
  readonly nodeBytes: number;
  readonly entry: number;
  readonly layers: number;
}

/** Throws `index_invalid` where the file is not exactly a graph of `rows` nodes in this shape, every link to one of them. */
export async function readGraphFile(options: {
  path: string;
  shape: GraphShape;
  rows: number;
  visitor?: GraphVisitor;
}): Promise<GraphFile> {
  const { rows, shape, visitor } = options;
  const handle = await open(options.path, 'r');
  try {
    const { size } = await handle.stat();
    const reader = new HashingReader(handle);
    const layout = checkHeader(await reader.take(HEADER_BYTES), shape, rows);
    if (size < HEADER_BYTES + rows * (layout.nodeBytes + 4)) {
      throw bad(`${rows} nodes do not fit into ${size} bytes`);
    }
    visitor?.begin(rows);
    const nodes = await readNodes(reader, shape, layout, visitor);
    await readUpper(reader, shape, layout, visitor);
    if (reader.position !== size) throw bad(`the nodes end at byte ${reader.position} of ${size}`);
    const { entry, layers } = layout;
    return { ...nodes, entry, layers, sha256: reader.digest(), bytes: size };
  } finally {
    await handle.close();
  }
}

function checkHeader(header: Buffer, shape: GraphShape, rows: number): Layout {
  const linkBytes = 4 + 4 * 2 * shape.m;
  const nodeBytes = linkBytes + 4 * shape.dimension + 8;
  const words: [string, number, number][] = [
    ['offset of layer 0', 0, 0],
    ['node count', 16, rows],
    ['node size', 24, nodeBytes],
    ['label offset', 32, nodeBytes - 8],
    ['vector offset', 40, linkBytes],
    ['links per layer', 56, shape.m],
    ['links on layer 0', 64, 2 * shape.m],
    ['m', 72, shape.m],
    ['efConstruction', 88, shape.efConstruction],
  ];
  for (const [name, at, expected] of words) {
    const found = header.readBigUInt64LE(at);
    if (found !== BigInt(expected)) throw bad(`${name}: expected ${expected}, the file says ${found}`);
  }
  const capacity = header.readBigUInt64LE(8);
  if (capacity < BigInt(rows) || capacity > 2n ** 32n) throw bad(`capacity ${capacity} for ${rows} nodes`);
  const entry = header.readUInt32LE(52);
  if (entry >= rows) throw bad(`the entry point ${entry} is none of ${rows} nodes`);
  const layers = header.readInt32LE(48);
  if (layers < 0 || layers > MOST_LAYERS) throw bad(`${layers} layers above the first`);
  return { rows, nodeBytes, entry, layers };
}

async function readNodes(
  reader: HashingReader,
  shape: GraphShape,
  { rows, nodeBytes }: Layout,
  visitor: GraphVisitor | undefined,
): Promise<GraphNodes> {
  const slots = new Uint32Array(rows);
  const marked = new Uint8Array(rows);
  const keys = new Int32Array(rows);
  const links = new Uint32Array(2 * shape.m);
  const vector = new Float32Array(shape.dimension);
  const vectorAt = 4 + 4 * 2 * shape.m;
  for (let i = 0; i < rows; i++) {
    const node = reader.buffered(nodeBytes) ?? (await reader.take(nodeBytes));
    marked[i] = node[MARK_AT]! & 1;
    new Uint8Array(vector.buffer).set(node.subarray(vectorAt, nodeBytes - 8));
    keys[i] = vectorKey(vector);
    const label = node.readBigUInt64LE(nodeBytes - 8);
    if (label >= 2n ** 32n || (i > 0 && label <= BigInt(slots[i - 1]!))) {
      throw bad(`node ${i} is labelled ${label}`);
    }
    slots[i] = Number(label);
    visitor?.node(i, slots[i]!, vector, checkedList(node, 0, links, i, rows));
  }
  return { slots, marked, keys };
}

/** Every link above layer 0 must lead to a node that has links on that layer: the walk goes on from there. */
async function readUpper(
  reader: HashingReader,
  shape: GraphShape,
  { rows, entry, layers }: Layout,
  visitor: GraphVisitor | undefined,
): Promise<void> {
  const layerBytes = 4 + 4 * shape.m;
  const height = new Uint8Array(rows);
  const upper = new Map<number, Uint32Array[]>();
  for (let i = 0; i < rows; i++) {
    const bytes = (reader.buffered(4) ?? (await reader.take(4))).readUInt32LE();
    if (bytes === 0) continue;
    if (bytes % layerBytes !== 0 || bytes / layerBytes > layers) {
      throw bad(`node ${i} has upper links of ${bytes} bytes`);
    }
    const buffer = reader.buffered(bytes) ?? (await reader.take(bytes));
    const lists = Array.from({ length: bytes / layerBytes }, (_, layer) =>
      checkedList(buffer, layer * layerBytes, new Uint32Array(shape.m), i, rows),
    );
    height[i] = lists.length;
    upper.set(i, lists);
    visitor?.upper(i, lists);
  }
  if (height[entry] !== layers) throw bad(`the entry point has ${height[entry]} of ${layers} layers`);
  for (const [node, lists] of upper) {
    for (const [layer, list] of lists.entries()) {
      const low = list.find((other) => height[other]! <= layer);
      if (low !== undefined) throw bad(`node ${node} leads to ${low} on layer ${layer + 1}`);
    }
  }
}

/** A list of links with its count before it: the first two bytes. `room` is overwritten. */
function checkedList(bytes: Buffer, at: number, room: Uint32Array, node: number, rows: number): Uint32Array {
  const count = bytes.readUInt16LE(at);
  if (count > room.length) throw bad(`node ${node} has ${count} links of at most ${room.length}`);
  new Uint8Array(room.buffer).set(bytes.subarray(at + 4, at + 4 + 4 * count));
  const links = room.subarray(0, count);
  for (let i = 0; i < count; i++) {
    if (links[i]! >= rows) throw bad(`node ${node} leads to ${links[i]} of ${rows} nodes`);
  }
  return links;
}

/** Sequential reads through one buffer, hashed as they pass. */
class HashingReader {
  position = 0;
  readonly #handle: FileHandle;
  readonly #hash = createHash('sha256');
  #buffer = Buffer.alloc(0);

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** The next `n` bytes if they are here already: spares most callers a turn of the event loop. */
  buffered(n: number): Buffer | undefined {
    if (n > this.#buffer.length) return undefined;
    const bytes = this.#buffer.subarray(0, n);
    this.#buffer = this.#buffer.subarray(n);
    this.position += n;
    return bytes;
  }

  async take(n: number): Promise<Buffer> {
    while (this.#buffer.length < n) {
      const piece = Buffer.allocUnsafe(Math.max(PIECE, n));
      const { bytesRead } = await this.#handle.read(piece, 0, piece.length);
      if (bytesRead === 0) throw bad(`the file ends ${n - this.#buffer.length} bytes too soon`);
      const read = piece.subarray(0, bytesRead);
      this.#hash.update(read);
      this.#buffer = this.#buffer.length === 0 ? read : Buffer.concat([this.#buffer, read]);
    }
    return this.buffered(n)!;
  }

  digest(): string {
    return this.#hash.digest('hex');
  }
}

function bad(reason: string): AttractorError {
  return new AttractorError('index_invalid', reason);
}
