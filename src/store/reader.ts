// What another process may ask of a store that is open elsewhere: read only, each page and list as of its moment.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { ItemTable } from './items.ts';
import { STORE_FILE } from './store.ts';

export function openReader(options: { directory: string }): {
  items: Pick<ItemTable, 'page'>;
  close(): void;
} {
  const path = join(options.directory, STORE_FILE);
  const db = new Database(path, { readonly: true, fileMustExist: true });
  return { items: new ItemTable(db, path), close: () => void db.close() };
}

/** Names of collections and aliases; none where there is no store. */
export function readNames({ directory }: { directory: string }): ReadonlySet<string> {
  const path = join(directory, STORE_FILE);
  if (!existsSync(path)) return new Set();
  const db = new Database(path, { readonly: true });
  try {
    const names = db.prepare<[], string>('SELECT name FROM collection UNION SELECT name FROM alias');
    return new Set(names.pluck().all());
  } finally {
    db.close();
  }
}
