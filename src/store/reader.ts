// The items of a store that another process has open: read only, page by page, each page as of its moment.

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
