// An append-only file of records of one size, each with a 32-byte key and a checksum: what both caches are made of (layouts in
// docs/formats.md). A cache, so whatever does not check out is dropped and made again. Does not know what a record means.

import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';

const KEY_BYTES = 32;
const SCAN_BYTES = 4 << 20;

export interface RecordFile {
  /** Number of records held. */
  readonly size: number;
  /** `key` is 64 hex digits. */
  has(key: string): boolean;
  /** Copies the record's payload into `out` at byte `offset`; false where it is not held. */
  read(key: string, out: Uint8Array, offset: number): boolean;
  /** Adds payloads, one after the other in `payloads`. Keys that are held already are left as they are. */
  append(keys: readonly string[], payloads: Uint8Array): void;
  close(): void;
}

/** Bytes of one record on disk. */
export const recordBytes = (payloadBytes: number): number => KEY_BYTES + payloadBytes + 4;

/**
 * Opens or creates the file. One whose first bytes are not `header` starts anew; records with a wrong checksum are not held;
 * an incomplete one at the end (a process was killed) is cut off. One process writes at a time; a second one can cost
 * recomputation, never a wrong record.
 */
export function openRecordFile(options: { path: string; header: Buffer; payloadBytes: number }): RecordFile {
  const { path, header, payloadBytes } = options;
  const file = openSync(path, 'a+');
  const bytesEach = recordBytes(payloadBytes);
  const found = Buffer.alloc(header.length);
  readSync(file, found, 0, header.length, 0);
  if (!found.equals(header)) {
    ftruncateSync(file, 0);
    writeSync(file, header);
  }
  const { index, records } = scan(file, header.length, bytesEach);
  ftruncateSync(file, header.length + records * bytesEach);
  let next = records;

  return {
    get size() {
      return index.size;
    },
    has: (key) => index.has(key),
    read(key, out, offset) {
      const at = index.get(key);
      if (at === undefined) return false;
      readSync(file, out, offset, payloadBytes, header.length + at * bytesEach + KEY_BYTES);
      return true;
    },
    append(keys, payloads) {
      const fresh = keys.map((key, i) => ({ key, i })).filter(({ key }) => !index.has(key));
      const bytes = Buffer.alloc(fresh.length * bytesEach);
      fresh.forEach(({ key, i }, n) => {
        const at = n * bytesEach;
        bytes.write(key, at, 'hex');
        bytes.set(payloads.subarray(i * payloadBytes, (i + 1) * payloadBytes), at + KEY_BYTES);
        const end = at + bytesEach - 4;
        bytes.writeUInt32LE(crc32(bytes.subarray(at, end)), end);
      });
      if (bytes.length > 0) writeSync(file, bytes);
      for (const { key } of fresh) index.set(key, next++);
    },
    close: () => closeSync(file),
  };
}

/** Record number of every key whose checksum holds, and how many whole records there are. */
function scan(file: number, start: number, bytesEach: number) {
  const records = Math.floor((fstatSync(file).size - start) / bytesEach);
  const index = new Map<string, number>();
  if (records <= 0) return { index, records: 0 };
  const perRead = Math.max(1, Math.floor(SCAN_BYTES / bytesEach));
  const buffer = Buffer.alloc(perRead * bytesEach);
  for (let first = 0; first < records; first += perRead) {
    const count = Math.min(perRead, records - first);
    readSync(file, buffer, 0, count * bytesEach, start + first * bytesEach);
    for (let i = 0; i < count; i++) {
      const one = buffer.subarray(i * bytesEach, (i + 1) * bytesEach);
      if (crc32(one.subarray(0, -4)) !== one.readUInt32LE(bytesEach - 4)) continue;
      index.set(one.toString('hex', 0, KEY_BYTES), first + i);
    }
  }
  return { index, records };
}
