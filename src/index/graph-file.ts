// Walks a file that hnswlib wrote, by the file's own arithmetic, without hnswlib: its writer reports no error and its
// reader checks next to nothing. One pass, in small pieces, off the event loop. Layout: docs/formats.md.

import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { AttractorError } from '../errors/error.ts';
import { type GraphNodes, type GraphShape, vectorKey } from './graph.ts';

export interface GraphContent extends GraphNodes {
  readonly sha256: string;
  readonly bytes: number;
}

const HEADER_BYTES = 96;
const PIECE = 1 << 20;
/** hnswlib's DELETE_MARK, in the third byte of a node. */
const MARK_AT = 2;

/** Throws `index_invalid` where the file is not exactly a graph of `rows` nodes in this shape. */
export async function walkGraphFile(options: {
  path: string;
  shape: GraphShape;
  rows: number;
}): Promise<GraphContent> {
  const { rows, shape } = options;
  const handle = await open(options.path, 'r');
  try {
    const { size } = await handle.stat();
    const reader = new HashingReader(handle);
    const nodeBytes = checkHeader(await reader.take(HEADER_BYTES), shape, rows);
    if (rows * nodeBytes > size) throw bad(`${rows} nodes do not fit into ${size} bytes`);
    const nodes = await readNodes(reader, shape, rows, nodeBytes);
    const layerBytes = 4 + 4 * shape.m;
    for (let i = 0; i < rows; i++) {
      const bytes = (reader.buffered(4) ?? (await reader.take(4))).readUInt32LE();
      if (bytes % layerBytes !== 0) throw bad(`node ${i} has upper links of ${bytes} bytes`);
      if (bytes > 0 && !reader.buffered(bytes)) await reader.take(bytes);
    }
    if (reader.position !== size) throw bad(`the nodes end at byte ${reader.position} of ${size}`);
    return { ...nodes, sha256: reader.digest(), bytes: size };
  } finally {
    await handle.close();
  }
}

/** Returns the bytes of one node on layer 0: links, vector, label. */
function checkHeader(header: Buffer, shape: GraphShape, rows: number): number {
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
  return nodeBytes;
}

async function readNodes(
  reader: HashingReader,
  shape: GraphShape,
  rows: number,
  nodeBytes: number,
): Promise<GraphNodes> {
  const slots = new Uint32Array(rows);
  const marked = new Uint8Array(rows);
  const keys = new Int32Array(rows);
  const vector = new Float32Array(shape.dimension);
  const vectorBytes = new Uint8Array(vector.buffer);
  const vectorAt = 4 + 4 * 2 * shape.m;
  for (let i = 0; i < rows; i++) {
    const node = reader.buffered(nodeBytes) ?? (await reader.take(nodeBytes));
    marked[i] = node[MARK_AT]! & 1;
    vectorBytes.set(node.subarray(vectorAt, nodeBytes - 8));
    keys[i] = vectorKey(vector);
    const label = node.readBigUInt64LE(nodeBytes - 8);
    if (label >= 2n ** 32n) throw bad(`node ${i} is labelled ${label}`);
    slots[i] = Number(label);
  }
  return { slots, marked, keys };
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
