import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { guarded } from '../../src/store/sqlite-error.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'attractor-sqlite-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a full disk and a file that cannot be written are said as such; the rest goes up as it is', () => {
  const path = join(folder, 'x.db');
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.exec('CREATE TABLE t (x BLOB)');
  // What SQLite says when a page finds no room, without a disk to fill.
  db.pragma('max_page_count = 10');
  const insert = () => db.prepare('INSERT INTO t VALUES (?)').run(Buffer.alloc(100_000));
  const code = (name: string) => expect.objectContaining({ code: name });
  expect(() => guarded(path, insert)).toThrow(code('store_full'));
  expect(db.prepare('SELECT count(*) FROM t').pluck().get()).toBe(0);
  const reader = new Database(path, { readonly: true });
  expect(() => guarded(path, () => reader.exec('DELETE FROM t'))).toThrow(code('store_read_only'));
  expect(() => guarded(path, () => db.exec('nonsense'))).toThrow(code('SQLITE_ERROR'));
  reader.close();
  db.close();
});
