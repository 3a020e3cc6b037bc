// The port through which files are written that must outlive a crash: index files, snapshots, models, bodies of imports. After a
// power cut only what was synced is sure to be there: a file's bytes by its own sync, its name by that of its folder. SQLite writes
// its own files, and reading needs no port.

import { closeSync, fsyncSync, openSync, renameSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AttractorError } from '../errors/error.ts';

export interface DiskFile {
  /** After all that is there. */
  write(content: Uint8Array | string): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Throws `store_full` and `store_read_only`; what else a disk says goes up as it is. */
export interface Disk {
  /** `w`: an empty file, `wx`: one that did not exist, `a`: one that goes on. */
  open(path: string, how: 'w' | 'wx' | 'a'): Promise<DiskFile>;
  /** With the folders above it, all synced. Returns the topmost one that was not there; undefined where all were. */
  makeFolder(path: string): Promise<string | undefined>;
  /** A new folder, whose path begins with `prefix`. */
  makeDraft(prefix: string): Promise<string>;
  rename(from: string, to: string): Promise<void>;
  /** In this turn, and synced: for a transaction that must not be without it. */
  renameNow(from: string, to: string): void;
  /** A file, or a folder and all in it, where there is one. */
  remove(path: string): Promise<void>;
  syncFolder(path: string): Promise<void>;
}

export const disk: Disk = {
  open: (path, how) =>
    told(path, async () => {
      const file = await open(path, how);
      return {
        write: (content) => told(path, () => file.writeFile(content)),
        sync: () => told(path, () => file.sync()),
        close: () => told(path, () => file.close()),
      };
    }),
  makeFolder: (path) => told(path, () => makeWithParents(path)),
  makeDraft: (prefix) =>
    told(prefix, async () => {
      const path = await mkdtemp(prefix);
      await chmod(path, 0o755); // mkdtemp's folders are the owner's alone
      return path;
    }),
  rename: (from, to) => told(to, () => rename(from, to)),
  renameNow: (from, to) => {
    try {
      renameSync(from, to);
      const folder = openSync(dirname(to), 'r');
      try {
        fsyncSync(folder);
      } finally {
        closeSync(folder);
      }
    } catch (error) {
      throw inOurWords(to, error);
    }
  },
  remove: (path) => rm(path, { recursive: true, force: true }),
  syncFolder: (path) =>
    told(path, async () => {
      const folder = await open(path, 'r');
      await folder.sync().finally(() => folder.close());
    }),
};

/** Node's own `recursive` never returns where a parent takes no folders, as /proc. */
async function makeWithParents(path: string): Promise<string | undefined> {
  let first: string | undefined;
  try {
    await mkdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return undefined;
    if (code !== 'ENOENT') throw error;
    first = await makeWithParents(dirname(path));
    await mkdir(path);
  }
  await disk.syncFolder(dirname(path));
  return first ?? path;
}

/** A whole file, synced; its folder is not. */
export async function writeSynced(
  to: Disk,
  options: {
    path: string;
    how: 'w' | 'wx' | 'a';
    content: AsyncIterable<Uint8Array> | Iterable<Uint8Array | string>;
  },
): Promise<void> {
  const file = await to.open(options.path, options.how);
  try {
    for await (const part of options.content) await file.write(part);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Runs `work`, and says in our words that a disk is full or may not be written. */
export async function told<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw inOurWords(path, error);
  }
}

export function inOurWords(path: string, cause: unknown): unknown {
  const { code } = cause as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new AttractorError('store_full', `${path}: the disk is full.`, { cause });
  }
  if (code === 'EROFS') {
    return new AttractorError('store_read_only', `${path}: the disk cannot be written.`, { cause });
  }
  return cause;
}
