// Backbone features on disk, by content: image hash to feature row, one append-only file per backbone fingerprint. The
// file's layout is drawn in docs/formats.md. A cache, so whatever does not check out is dropped and made again.

import { closeSync, fstatSync, ftruncateSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { invalid } from '../../src/errors/error.ts';

const MAGIC = 'ATTRFEAT';
const VERSION = 1;
const HEADER_BYTES = 64;
const HASH_BYTES = 32;
const SCAN_BYTES = 4 << 20;

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

/**
 * Opens or creates the file of `fingerprint` (`sha256:<hex>`) in `folder`. Records with a wrong checksum are not held; an
 * incomplete one at the end (a process was killed) is cut off. One process writes at a time; a second one can cost
 * recomputation, never a wrong row.
 */
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
  const file = openSync(join(folder, `${digest.slice(0, 16)}.features`), 'a+');
  const recordBytes = HASH_BYTES + 4 * dimension + 4;
  const header = headerOf(digest, dimension);
  const found = Buffer.alloc(HEADER_BYTES);
  readSync(file, found, 0, HEADER_BYTES, 0);
  if (!found.equals(header)) {
    ftruncateSync(file, 0);
    writeSync(file, header);
  }
  const { index, records } = scan(file, recordBytes);
  ftruncateSync(file, HEADER_BYTES + records * recordBytes);
  let next = records;
  const record = Buffer.alloc(recordBytes);

  return {
    get size() {
      return index.size;
    },
    has: (hash) => index.has(hash),
    read(hash, out, offset) {
      const at = index.get(hash);
      if (at === undefined) return false;
      readSync(file, record, 0, recordBytes, HEADER_BYTES + at * recordBytes);
      Buffer.from(out.buffer, out.byteOffset + 4 * offset, 4 * dimension).set(
        record.subarray(HASH_BYTES, HASH_BYTES + 4 * dimension),
      );
      return true;
    },
    append(hashes, rows) {
      if (rows.length !== hashes.length * dimension) {
        throw invalid('rows', `${hashes.length} x ${dimension} values`, rows);
      }
      const fresh = hashes.map((hash, i) => ({ hash, i })).filter(({ hash }) => !index.has(hash));
      const bytes = Buffer.alloc(fresh.length * recordBytes);
      fresh.forEach(({ hash, i }, n) => {
        const at = n * recordBytes;
        bytes.write(hash, at, 'hex');
        const row = rows.subarray(i * dimension, (i + 1) * dimension);
        bytes.set(new Uint8Array(row.buffer, row.byteOffset, row.byteLength), at + HASH_BYTES);
        const end = at + recordBytes - 4;
        bytes.writeUInt32LE(crc32(bytes.subarray(at, end)), end);
      });
      if (bytes.length > 0) writeSync(file, bytes);
      for (const { hash } of fresh) index.set(hash, next++);
    },
    close: () => closeSync(file),
  };
}

function headerOf(digest: string, dimension: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(MAGIC, 0, 'latin1');
  header.writeUInt32LE(VERSION, 8);
  header.writeUInt32LE(dimension, 12);
  header.write(digest, 16, 'hex');
  header.writeUInt32LE(crc32(header.subarray(0, 48)), 48);
  return header;
}

/** Record number of every image whose checksum holds, and how many whole records there are. */
function scan(file: number, recordBytes: number): { index: Map<string, number>; records: number } {
  const records = Math.floor((fstatSync(file).size - HEADER_BYTES) / recordBytes);
  const index = new Map<string, number>();
  const perRead = Math.max(1, Math.floor(SCAN_BYTES / recordBytes));
  const buffer = Buffer.alloc(perRead * recordBytes);
  for (let start = 0; start < records; start += perRead) {
    const count = Math.min(perRead, records - start);
    readSync(file, buffer, 0, count * recordBytes, HEADER_BYTES + start * recordBytes);
    for (let i = 0; i < count; i++) {
      const one = buffer.subarray(i * recordBytes, (i + 1) * recordBytes);
      if (crc32(one.subarray(0, -4)) !== one.readUInt32LE(recordBytes - 4)) continue;
      index.set(one.toString('hex', 0, HASH_BYTES), start + i);
    }
  }
  return { index, records };
}
