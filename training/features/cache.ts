// Backbone features on disk, by content: image hash to feature row, one append-only file per backbone fingerprint. The
// file's layout is drawn in docs/formats.md. Not the file of whole activations (activation-cache.ts).

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { invalid } from '../../src/errors/error.ts';
import { openRecordFile } from './record-file.ts';

const MAGIC = 'ATTRFEAT';
const VERSION = 1;
const HEADER_BYTES = 64;

export interface FeatureCache {
  /** Number of images held. */
  readonly size: number;
  has(hash: string): boolean;
  /** Copies the row of `hash` (hex SHA-256 of the image file) into `out` at `offset`; false where it is not held. */
  read(hash: string, out: Float32Array, offset: number): boolean;
  /** Adds rows, [hashes.length, dimension], in one write. Hashes that are held already are left as they are. */
  append(hashes: readonly string[], rows: Float32Array): void;
  close(): void;
}

/** Opens or creates the file of `fingerprint` (`sha256:<hex>`) in `folder`, as openRecordFile says. */
export function openFeatureCache(options: {
  folder: string;
  fingerprint: string;
  dimension: number;
}): FeatureCache {
  const { folder, fingerprint, dimension } = options;
  if (!/^sha256:[0-9a-f]{64}$/.test(fingerprint)) throw invalid('fingerprint', 'sha256:<hex>', fingerprint);
  if (!(Number.isInteger(dimension) && dimension >= 1)) throw invalid('dimension', '1 or more', dimension);
  const digest = fingerprint.slice('sha256:'.length);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${digest.slice(0, 16)}.features`);
  const file = openRecordFile({ path, header: headerOf(digest, dimension), payloadBytes: 4 * dimension });
  return {
    get size() {
      return file.size;
    },
    has: file.has,
    read: (hash, out, offset) => file.read(hash, bytesOf(out), 4 * offset),
    append(hashes, rows) {
      if (rows.length !== hashes.length * dimension) {
        throw invalid('rows', `${hashes.length} x ${dimension} values`, rows);
      }
      file.append(hashes, bytesOf(rows));
    },
    close: file.close,
  };
}

const bytesOf = (data: Float32Array) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

function headerOf(digest: string, dimension: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(MAGIC, 0, 'latin1');
  header.writeUInt32LE(VERSION, 8);
  header.writeUInt32LE(dimension, 12);
  header.write(digest, 16, 'hex');
  header.writeUInt32LE(crc32(header.subarray(0, 48)), 48);
  return header;
}
