// One process per data folder. The lock is a transaction held open on an empty SQLite file: it dies with the process,
// whatever kills it, so a stale lock cannot exist. The pid beside it is only for the message.

import { accessSync, constants, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { AttractorError } from '../errors/error.ts';
import { sqliteCode } from './sqlite-error.ts';

export interface FolderLock {
  release(): void;
}

/** Makes it where it does not exist. Throws `invalid_argument` where that cannot be, or nothing can be written there. */
export function makeFolder(directory: string): void {
  try {
    makeWithParents(directory);
    accessSync(directory, constants.W_OK);
  } catch (cause) {
    const received = `${directory} (${(cause as NodeJS.ErrnoException).code})`;
    const expected = 'a folder that can be written to, or made';
    const message = `data folder: expected ${expected}, received ${received}`;
    throw new AttractorError('invalid_argument', message, { field: 'directory', expected, received, cause });
  }
}

/** Node's own `recursive` never returns where a parent takes no folders, as /proc. */
function makeWithParents(directory: string): void {
  try {
    mkdirSync(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && statSync(directory).isDirectory()) return;
    if (code !== 'ENOENT') throw error;
    makeWithParents(dirname(directory));
    mkdirSync(directory);
  }
}

/** Throws `store_locked`, naming the process that holds the folder. */
export function lockFolder(directory: string): FolderLock {
  const pidFile = join(directory, 'attractor.pid');
  const db = new Database(join(directory, 'attractor.lock'), { timeout: 0 });
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (!sqliteCode(error)?.startsWith('SQLITE_BUSY')) throw error;
    const message = `The data folder ${directory} is open in ${holder(pidFile)}. Stop that process, or use another folder.`;
    throw new AttractorError('store_locked', message, { cause: error });
  }
  writeFileSync(pidFile, `${process.pid}\n`);
  return {
    release: () => {
      rmSync(pidFile, { force: true });
      db.close();
    },
  };
}

function holder(pidFile: string): string {
  try {
    return `process ${readFileSync(pidFile, 'utf8').trim()}`;
  } catch {
    return 'another process';
  }
}
