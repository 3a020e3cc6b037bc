// Second names of collections: one prepared statement per question. That names never collide is the catalogue's to hold.

import type Database from 'better-sqlite3';

export interface AliasRow {
  readonly alias: string;
  /** Its name. */
  readonly collection: string;
}

export class AliasTable {
  readonly #all: Database.Statement<[], AliasRow>;
  readonly #set: Database.Statement<[string, number]>;
  readonly #delete: Database.Statement<[string]>;

  constructor(db: Database.Database) {
    this.#all = db.prepare(
      `SELECT alias.name AS alias, collection.name AS collection
       FROM alias JOIN collection ON collection.id = alias.collection ORDER BY alias.name`,
    );
    this.#set = db.prepare(
      'INSERT INTO alias (name, collection) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET collection = excluded.collection',
    );
    this.#delete = db.prepare('DELETE FROM alias WHERE name = ?');
  }

  /** By name. */
  all(): AliasRow[] {
    return this.#all.all();
  }

  /** Makes the alias, or points it elsewhere. */
  set(name: string, collection: number): void {
    this.#set.run(name, collection);
  }

  delete(name: string): void {
    this.#delete.run(name);
  }
}
