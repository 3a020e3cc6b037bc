// A snapshot: the whole store in one checksummed file, taken while a server may be writing, and a data folder made of it
// again. docs/formats.md draws the file. Index files are not in it: they are built again.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { AttractorError, invalid } from '../errors/error.ts';
import { guarded } from './sqlite-error.ts';
import { checkStore, STORE_FILE } from './store.ts';

const MAGIC = 'ATRCSNAP';
const VERSION = 1;
/** Magic, version, 4 zero bytes, length of what comes before (u64), its SHA-256, 8 zero bytes. */
const TRAILER_BYTES = 64;
const CHUNK_BYTES = 2 ** 20;

export interface SnapshotInfo {
  /** Of the file. */
  readonly bytes: number;
  /** Of the store in it, hex. */
  readonly sha256: string;
}

/**
 * Writes the store of `directory` as it is at this moment to `path`, which must not exist. Another process may have the
 * folder open and go on writing. Throws `invalid_argument` or `store_corrupt`, and leaves no file behind; also `store_full`.
 */
export async function takeSnapshot(options: { directory: string; path: string }): Promise<SnapshotInfo> {
  const { directory, path } = options;
  const store = join(directory, STORE_FILE);
  if (!existsSync(store)) throw invalid('directory', 'a data folder', directory);
  if (existsSync(path)) throw invalid('path', 'a file that does not exist yet', path);
  const partial = `${path}.partial`;
  rmSync(partial, { force: true });
  try {
    // One read transaction, without what was deleted.
    const db = new Database(store, { readonly: true });
    try {
      guarded(store, () => db.prepare('VACUUM INTO ?').run(partial));
    } finally {
      db.close();
    }
    checkStore(partial);
    const file = await open(partial, 'r+');
    let info: SnapshotInfo;
    try {
      const { size } = await file.stat();
      const hash = createHash('sha256');
      await eachChunk(file, size, (chunk) => hash.update(chunk));
      const digest = hash.digest();
      const trailer = Buffer.alloc(TRAILER_BYTES);
      trailer.write(MAGIC, 0, 'latin1');
      trailer.writeUInt32LE(VERSION, 8);
      trailer.writeBigUInt64LE(BigInt(size), 16);
      digest.copy(trailer, 24);
      await file.write(trailer, 0, TRAILER_BYTES, size);
      await file.sync();
      info = { bytes: size + TRAILER_BYTES, sha256: digest.toString('hex') };
    } finally {
      await file.close();
    }
    await rename(partial, path);
    await syncFolder(dirname(path));
    return info;
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/**
 * Makes `directory` a data folder with the store of a snapshot; it must not have one. Throws `invalid_argument`,
 * `snapshot_invalid`, or what `openStore` throws, and leaves the folder as it was.
 */
export async function restoreSnapshot(options: { path: string; directory: string }): Promise<SnapshotInfo> {
  const { path, directory } = options;
  const store = join(directory, STORE_FILE);
  if (!existsSync(path)) throw invalid('path', 'a snapshot', path);
  if (existsSync(store)) throw invalid('directory', 'a folder without a store', directory);
  mkdirSync(directory, { recursive: true });
  const partial = `${store}.partial`;
  const from = await open(path, 'r');
  try {
    const { size } = await from.stat();
    const { length, sha256 } = await readTrailer(from, size, path);
    const to = await open(partial, 'w');
    const hash = createHash('sha256');
    try {
      await eachChunk(from, length, async (chunk) => {
        hash.update(chunk);
        await to.writeFile(chunk);
      });
      await to.sync();
    } finally {
      await to.close();
    }
    const found = hash.digest('hex');
    if (found !== sha256) throw refused(path, 'its contents are not what was written: the checksum differs');
    checkStore(partial);
    await rename(partial, store);
    await syncFolder(directory);
    return { bytes: size, sha256 };
  } finally {
    await from.close();
    await rm(partial, { force: true });
  }
}

async function readTrailer(file: FileHandle, size: number, path: string) {
  const trailer = Buffer.alloc(TRAILER_BYTES);
  if (size < TRAILER_BYTES) throw refused(path, 'it is too short');
  await file.read(trailer, 0, TRAILER_BYTES, size - TRAILER_BYTES);
  if (trailer.toString('latin1', 0, 8) !== MAGIC) throw refused(path, 'it is none, or it was cut off');
  const version = trailer.readUInt32LE(8);
  if (version > VERSION)
    throw refused(path, `its version is ${version}, and this Attractor reads ${VERSION}`);
  const length = Number(trailer.readBigUInt64LE(16));
  if (length !== size - TRAILER_BYTES) throw refused(path, 'its length is not what was written');
  return { length, sha256: trailer.toString('hex', 24, 56) };
}

async function eachChunk(
  file: FileHandle,
  length: number,
  use: (chunk: Uint8Array) => unknown,
): Promise<void> {
  const buffer = Buffer.alloc(Math.min(CHUNK_BYTES, length));
  for (let at = 0; at < length; ) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, length - at), at);
    if (bytesRead === 0) throw new AttractorError('internal', 'the file became shorter while it was read');
    await use(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}

function refused(path: string, reason: string): AttractorError {
  return new AttractorError(
    'snapshot_invalid',
    `${path} is no usable snapshot: ${reason}. Nothing was changed.`,
  );
}
