// A snapshot: the whole store in one checksummed file, taken while a server may be writing, and a data folder made of it
// again. docs/formats.md draws the file. Index files are not in it: they are built again.

import { createHash, type Hash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { AttractorError, invalid } from '../errors/error.ts';
import { type Disk, disk as realDisk, writeSynced } from './disk.ts';
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
export async function takeSnapshot(options: {
  directory: string;
  path: string;
  disk?: Disk;
}): Promise<SnapshotInfo> {
  const { directory, path, disk = realDisk } = options;
  const store = join(directory, STORE_FILE);
  if (!existsSync(store)) throw invalid('directory', 'a data folder', directory);
  if (existsSync(path)) throw invalid('path', 'a file that does not exist yet', path);
  const partial = `${path}.partial`;
  // SQLite writes into an empty file as into none, and does not say so well why there can be none.
  const empty = await disk.open(partial, 'w').catch(unusable('path', path));
  await empty.close();
  try {
    // One read transaction, without what was deleted.
    const db = new Database(store, { readonly: true });
    try {
      guarded(store, () => db.prepare('VACUUM INTO ?').run(partial));
    } finally {
      db.close();
    }
    checkStore({ path: partial, name: store });
    const { size, digest } = await digestOf(partial);
    const trailer = Buffer.alloc(TRAILER_BYTES);
    trailer.write(MAGIC, 0, 'latin1');
    trailer.writeUInt32LE(VERSION, 8);
    trailer.writeBigUInt64LE(BigInt(size), 16);
    digest.copy(trailer, 24);
    await writeSynced(disk, { path: partial, how: 'a', content: [trailer] });
    await disk.rename(partial, path);
    await disk.syncFolder(dirname(path));
    return { bytes: size + TRAILER_BYTES, sha256: digest.toString('hex') };
  } catch (error) {
    await disk.remove(partial);
    throw error;
  }
}

/**
 * Makes `directory` a data folder with the store of a snapshot; it must not have one. Throws `invalid_argument`,
 * `snapshot_invalid`, or what `openStore` throws, and leaves the folder as it was.
 */
export async function restoreSnapshot(options: {
  path: string;
  directory: string;
  disk?: Disk;
}): Promise<SnapshotInfo> {
  const { path, directory, disk = realDisk } = options;
  const store = join(directory, STORE_FILE);
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) {
    throw invalid('path', 'the path of a snapshot that exists', path);
  }
  if (existsSync(store)) throw invalid('directory', 'a folder without a store', directory);
  const partial = `${store}.partial`;
  const from = await open(path, 'r');
  let mine: string | undefined;
  try {
    const { size } = await from.stat();
    const { length, sha256 } = await readTrailer(from, size, path);
    mine = (await disk.makeFolder(directory).catch(unusable('directory', directory))) ?? partial;
    const hash = createHash('sha256');
    await writeSynced(disk, { path: partial, how: 'w', content: chunksOf(from, length, hash) });
    const found = hash.digest('hex');
    if (found !== sha256) throw refused(path, 'its contents are not what was written: the checksum differs');
    checkStore({ path: partial, name: path });
    await disk.rename(partial, store);
    await disk.syncFolder(directory);
    return { bytes: size, sha256 };
  } catch (error) {
    if (mine !== undefined) await disk.remove(mine);
    throw error;
  } finally {
    await from.close();
  }
}

const NOT_THERE = ['EACCES', 'EEXIST', 'EISDIR', 'ELOOP', 'ENAMETOOLONG', 'ENOENT', 'ENOTDIR', 'EPERM'];

/** A path that cannot be is the caller's mistake. What else a disk says goes up as it is. */
function unusable(field: string, path: string) {
  return (error: NodeJS.ErrnoException): never => {
    if (!NOT_THERE.includes(error.code ?? '')) throw error;
    throw invalid(field, 'a place that exists and can be written', `${path} (${error.code})`);
  };
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

async function digestOf(path: string): Promise<{ size: number; digest: Buffer }> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const hash = createHash('sha256');
    for await (const _ of chunksOf(file, size, hash));
    return { size, digest: hash.digest() };
  } finally {
    await file.close();
  }
}

/** Each is good until the next, and is added to `hash`. */
async function* chunksOf(file: FileHandle, length: number, hash: Hash): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.alloc(Math.min(CHUNK_BYTES, length));
  for (let at = 0; at < length; ) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, length - at), at);
    if (bytesRead === 0) throw new AttractorError('internal', 'the file became shorter while it was read');
    const chunk = buffer.subarray(0, bytesRead);
    hash.update(chunk);
    yield chunk;
    at += bytesRead;
  }
}

function refused(path: string, reason: string): AttractorError {
  return new AttractorError(
    'snapshot_invalid',
    `${path} is no usable snapshot: ${reason}. Nothing was changed.`,
  );
}
