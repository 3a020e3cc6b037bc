// What another process may ask of a store that is open elsewhere: read only, each page and list as of its moment.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { ItemTable } from './items.ts';
import { type CollectionRow, STORE_FILE } from './store.ts';

export function openReader(options: { directory: string }): {
  items: Pick<ItemTable, 'page'>;
  close(): void;
} {
  const path = join(options.directory, STORE_FILE);
  const db = new Database(path, { readonly: true, fileMustExist: true });
  return { items: new ItemTable(db, path), close: () => void db.close() };
}

export const hasStore = ({ directory }: { directory: string }): boolean =>
  existsSync(join(directory, STORE_FILE));

/** Names of collections and aliases; none where there is no store. */
export function readNames({ directory }: { directory: string }): ReadonlySet<string> {
  const rows = read<{ name: string }>(directory, 'SELECT name FROM collection UNION SELECT name FROM alias');
  return new Set(rows.map(({ name }) => name));
}

/** Collections that a model made; none where there is no store. */
export function readModels({ directory }: { directory: string }) {
  return read<Pick<CollectionRow, 'name' | 'model' | 'fingerprint'>>(
    directory,
    "SELECT name, model, fingerprint FROM collection WHERE fingerprint <> '' ORDER BY name",
  );
}

function read<Row>(directory: string, sql: string): Row[] {
  if (!hasStore({ directory })) return [];
  const db = new Database(join(directory, STORE_FILE), { readonly: true });
  try {
    return db.prepare<[], Row>(sql).all();
  } finally {
    db.close();
  }
}
