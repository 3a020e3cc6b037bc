// SQLite's errors in our words: damage, a full disk, a folder that cannot be written. Anything else goes up as it is.

import Database from 'better-sqlite3';
import { AttractorError } from '../errors/error.ts';

export function sqliteCode(error: unknown): string | undefined {
  return error instanceof Database.SqliteError ? error.code : undefined;
}

export function corrupt(path: string, reason: string, cause?: unknown): AttractorError {
  return new AttractorError(
    'store_corrupt',
    `${path}: ${reason}. Nothing was changed. Put back a copy of the data folder, or move this one away and import the catalogue again.`,
    { cause },
  );
}

/** Runs `work`; what SQLite meets on the way is `store_corrupt`, `store_full` or `store_read_only`. */
export function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const code = sqliteCode(error);
    if (code === 'SQLITE_NOTADB') throw corrupt(path, 'this is not a SQLite file', error);
    if (code?.startsWith('SQLITE_CORRUPT')) throw corrupt(path, 'the file is damaged', error);
    if (code === 'SQLITE_FULL') {
      const message = `${path}: the disk is full. Nothing was written.`;
      throw new AttractorError('store_full', message, { cause: error });
    }
    if (code?.startsWith('SQLITE_READONLY')) {
      const message = `${path}: the file cannot be written. Nothing was written.`;
      throw new AttractorError('store_read_only', message, { cause: error });
    }
    throw error;
  }
}
