// The table of keys.db, and whether a file is one. Drawn in docs/formats.md.

import type Database from 'better-sqlite3';
import { AttractorError } from '../errors/error.ts';
import { corrupt } from './sqlite-error.ts';

/** "ATRK" in the SQLite header. */
const APPLICATION_ID = 0x4154524b;
const VERSION = 1;
const SCHEMA = `
  CREATE TABLE api_key (
    id          TEXT PRIMARY KEY,
    hash        BLOB NOT NULL UNIQUE,
    scope       TEXT NOT NULL CHECK (scope IN ('search', 'write', 'admin')),
    collections TEXT,
    note        TEXT NOT NULL,
    rate        INTEGER,
    created     TEXT NOT NULL
  ) STRICT`;

/** Makes the table in an empty file. Throws `store_corrupt` or `store_newer`. */
export function prepareKeys(db: Database.Database, path: string): void {
  const application = db.pragma('application_id', { simple: true });
  const version = db.pragma('user_version', { simple: true }) as number;
  const tables = db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get();
  if (application === 0 && version === 0 && tables === 0) {
    db.exec(SCHEMA);
    db.pragma(`application_id = ${APPLICATION_ID}`);
    db.pragma(`user_version = ${VERSION}`);
    return;
  }
  if (application !== APPLICATION_ID) throw corrupt(path, 'this SQLite file does not hold API keys');
  if (version > VERSION) {
    const message = `${path}: expected version ${VERSION}, received ${version}. Open it with the newer Attractor that wrote it.`;
    throw new AttractorError('store_newer', message);
  }
  const result = db.pragma('quick_check', { simple: true });
  if (result !== 'ok') throw corrupt(path, `the file is damaged: ${result}`);
}
