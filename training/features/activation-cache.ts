// Activations of a frozen prefix on disk: image view to activations, one append-only file per prefix fingerprint. The file's
// layout is drawn in docs/formats.md. Numbers are kept as the prefix gives them; which views there are is views.ts.

import { mkdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { invalid } from '../../src/errors/error.ts';
import type { Tensor } from '../../src/onnx/model.ts';
import { elementCount } from '../../src/onnx/tensor.ts';
import { openRecordFile, recordBytes } from './record-file.ts';

const MAGIC = 'ATTRACTV';
const VERSION = 1;
const HEADER_BYTES = 96;
const LARGEST_RANK = 8;

/** ONNX's numbers for the element types. */
const TYPE_CODES = { float32: 1, float16: 10 } as const;

export interface ActivationShape {
  /** Of one image's activations, at most 8. */
  readonly dims: readonly number[];
  readonly precision: keyof typeof TYPE_CODES;
  /** `sha256:<hex>` of what made them. */
  readonly fingerprint: string;
}

export interface ActivationCache {
  readonly size: number;
  /** Keys are 64 hex digits (viewKey). */
  has(key: string): boolean;
  /** [keys.length, ...dims]. Throws `invalid_argument` where a key is not held. */
  read(keys: readonly string[]): Tensor;
  /** Adds activations [keys.length, ...dims] in one write. */
  append(keys: readonly string[], activations: Tensor): void;
  close(): void;
}

/** Bytes that the activations of one view take on disk. */
export const activationBytes = ({ dims, precision }: ActivationShape): number =>
  recordBytes(elementCount(dims) * (precision === 'float16' ? 2 : 4));

/** Opens or creates the file of `fingerprint` in `folder`, as openRecordFile says. */
export function openActivationCache(options: { folder: string; shape: ActivationShape }): ActivationCache {
  const { folder, shape } = options;
  const { dims, precision, fingerprint } = shape;
  if (!/^sha256:[0-9a-f]{64}$/.test(fingerprint)) throw invalid('fingerprint', 'sha256:<hex>', fingerprint);
  if (dims.length > LARGEST_RANK) throw invalid('dims', `at most ${LARGEST_RANK}`, dims);
  const digest = fingerprint.slice('sha256:'.length);
  mkdirSync(folder, { recursive: true });
  const Data = precision === 'float16' ? Uint16Array : Float32Array;
  const numbers = elementCount(dims);
  const payloadBytes = numbers * Data.BYTES_PER_ELEMENT;
  const path = join(folder, `${digest.slice(0, 16)}.activations`);
  const file = openRecordFile({ path, header: headerOf(digest, shape), payloadBytes });
  return {
    get size() {
      return file.size;
    },
    has: file.has,
    read(keys) {
      const data = new Data(keys.length * numbers);
      const bytes = new Uint8Array(data.buffer);
      for (const [i, key] of keys.entries()) {
        if (!file.read(key, bytes, i * payloadBytes)) throw invalid('key', 'one that is held', key);
      }
      return { type: precision, dims: [keys.length, ...dims], data };
    },
    append(keys, { type, data }) {
      if (type !== precision || data.length !== keys.length * numbers) {
        throw invalid('activations', `${keys.length} x [${dims}] of ${precision}`, data);
      }
      file.append(keys, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    },
    close: file.close,
  };
}

/** Bytes that may still be written into `folder`, which is made where it does not exist. */
export function freeBytes(folder: string): number {
  mkdirSync(folder, { recursive: true });
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

function headerOf(digest: string, { dims, precision }: ActivationShape): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(MAGIC, 0, 'latin1');
  header.writeUInt32LE(VERSION, 8);
  header.writeUInt32LE(TYPE_CODES[precision], 12);
  header.writeUInt32LE(dims.length, 16);
  for (const [i, size] of dims.entries()) header.writeUInt32LE(size, 20 + 4 * i);
  header.write(digest, 52, 'hex');
  header.writeUInt32LE(crc32(header.subarray(0, 84)), 84);
  return header;
}
