// The truth on disk: one SQLite file in a locked folder. Opens, checks and migrates it; collections and named facts.
// Items, images and cached vectors are in items.ts. What is in memory (indexes) is the catalogue's.

import { join } from 'node:path';
import Database from 'better-sqlite3';
import { AttractorError } from '../errors/error.ts';
import type { Logger } from '../errors/log.ts';
import { AliasTable } from './aliases.ts';
import { ItemTable } from './items.ts';
import { type FolderLock, lockFolder, makeFolder } from './lock.ts';
import { ReplyTable } from './replies.ts';
import { APPLICATION_ID, MIGRATIONS } from './schema.ts';
import { corrupt, guarded } from './sqlite-error.ts';
import { TaskTable } from './tasks.ts';

export interface CollectionRow {
  readonly id: number;
  readonly name: string;
  readonly model: string;
  readonly fingerprint: string;
  readonly dimension: number;
  readonly metric: 'cosine';
}

/** In the data folder. */
export const STORE_FILE = 'attractor.db';

const COLLECTION = 'id, name, model, fingerprint, dimension, metric';

/**
 * Opens the store of a data folder, making both where they do not exist; `logger` hears of a migration. Throws `store_locked`,
 * `store_newer`, or `store_corrupt` for a damaged or foreign file; each leaves the folder as it was.
 */
export function openStore(options: { directory: string; logger?: Pick<Logger, 'info'> }): Store {
  makeFolder(options.directory);
  const path = join(options.directory, STORE_FILE);
  const lock = lockFolder(options.directory);
  let db: Database.Database | undefined;
  try {
    db = new Database(path);
    const opened = db;
    return guarded(path, () => {
      checkHeader(opened, path);
      // WAL and FULL: a commit that returned survives a crash of the process, the system or the power.
      opened.pragma('journal_mode = WAL');
      opened.pragma('synchronous = FULL');
      opened.pragma('foreign_keys = ON');
      migrate(opened, options.logger);
      checkTables(opened, path);
      return new Store(opened, path, lock);
    });
  } catch (error) {
    db?.close();
    lock.release();
    throw error;
  }
}

export class Store {
  readonly items: ItemTable;
  readonly aliases: AliasTable;
  readonly tasks: TaskTable;
  readonly replies: ReplyTable;
  readonly #db: Database.Database;
  readonly #path: string;
  readonly #lock: FolderLock;
  readonly #collections: Database.Statement<[], CollectionRow>;
  readonly #insertCollection: Database.Statement<object, CollectionRow>;
  readonly #deleteCollection: Database.Statement<[number]>;
  readonly #getMeta: Database.Statement<[string], string>;
  readonly #setMeta: Database.Statement<[string, string]>;

  constructor(db: Database.Database, path: string, lock: FolderLock) {
    this.#db = db;
    this.#path = path;
    this.#lock = lock;
    this.items = new ItemTable(db, path);
    this.aliases = new AliasTable(db);
    this.tasks = new TaskTable(db, path);
    this.replies = new ReplyTable(db);
    this.#collections = db.prepare(`SELECT ${COLLECTION} FROM collection ORDER BY name`);
    this.#insertCollection = db.prepare(
      `INSERT INTO collection (name, model, fingerprint, dimension, metric)
       VALUES (@name, @model, @fingerprint, @dimension, @metric) RETURNING ${COLLECTION}`,
    );
    this.#deleteCollection = db.prepare('DELETE FROM collection WHERE id = ?');
    this.#getMeta = db.prepare<[string], string>('SELECT value FROM meta WHERE key = ?').pluck();
    this.#setMeta = db.prepare(
      'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
    );
  }

  get open(): boolean {
    return this.#db.open;
  }

  /** All or nothing, and durable when it returns. */
  transaction<T>(work: () => T): T {
    return guarded(this.#path, () => this.#db.transaction(work).immediate());
  }

  collections(): CollectionRow[] {
    return this.#collections.all();
  }

  /** The name is not in use. */
  createCollection(row: Omit<CollectionRow, 'id'>): CollectionRow {
    return this.#insertCollection.get(row)!;
  }

  /** With its items, its aliases, and the images that no other collection uses. */
  dropCollection(id: number): void {
    this.transaction(() => {
      this.#deleteCollection.run(id);
      this.items.removeUnusedImages();
    });
  }

  getMeta(key: string): string | undefined {
    return this.#getMeta.get(key);
  }

  setMeta(key: string, value: string): void {
    this.#setMeta.run(key, value);
  }

  close(): void {
    this.#db.close();
    this.#lock.release();
  }
}

/** Throws as `openStore` does for a file that it would not open, of which errors speak as `name`. Reads only. */
export function checkStore({ path, name }: { path: string; name: string }): void {
  guarded(name, () => {
    const db = new Database(path, { readonly: true, fileMustExist: true });
    try {
      checkHeader(db, name);
      checkTables(db, name);
    } finally {
      db.close();
    }
  });
}

/** Reads only: a file that is not ours stays as it is. */
function checkHeader(db: Database.Database, path: string): void {
  const application = db.pragma('application_id', { simple: true }) as number;
  const version = db.pragma('user_version', { simple: true }) as number;
  const tables = db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() as number;
  if (application === 0 && version === 0 && tables === 0) return;
  if (application !== APPLICATION_ID) throw corrupt(path, 'this SQLite file is not an Attractor store');
  if (version > MIGRATIONS.length) {
    throw new AttractorError(
      'store_newer',
      `${path}: expected schema version ${MIGRATIONS.length} or older, received ${version}. Nothing was changed. Run the newer Attractor that wrote it, or restore a snapshot that was taken before the upgrade into another folder.`,
      { expected: `${MIGRATIONS.length} or older`, received: String(version) },
    );
  }
}

function migrate(db: Database.Database, logger: Pick<Logger, 'info'> | undefined): void {
  const version = db.pragma('user_version', { simple: true }) as number;
  if (version === MIGRATIONS.length) return;
  db.transaction(() => {
    for (const step of MIGRATIONS.slice(version)) db.exec(step);
    db.pragma(`application_id = ${APPLICATION_ID}`);
    db.pragma(`user_version = ${MIGRATIONS.length}`);
  }).immediate();
  const to = MIGRATIONS.length;
  if (version > 0)
    logger?.info(
      { from: version, to },
      'The store was of an older version and is migrated: an older Attractor refuses it now.',
    );
}

/** The tables that answers are made of. Images are by far the most bytes, and their hashes tell when they are read. */
function checkTables(db: Database.Database, path: string): void {
  for (const table of ['collection', 'item']) {
    const result = db.pragma(`quick_check('${table}')`, { simple: true });
    if (result !== 'ok') throw corrupt(path, `the table ${table} is damaged: ${result}`);
  }
}
