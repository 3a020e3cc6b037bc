// API keys on disk: made, found, revoked, by two processes' connections at once; what is foreign, newer or damaged.

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { KEYS_FILE, type KeyStore, keyHash, openKeys } from '../../src/store/keys.ts';

let directory: string;
const opened: KeyStore[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'attractor-keys-'));
});
afterEach(() => {
  for (const keys of opened.splice(0)) keys.close();
  rmSync(directory, { recursive: true });
});
const open = () => {
  const keys = openKeys({ directory });
  opened.push(keys);
  return keys;
};
const created = '2026-11-28T12:00:00.000Z';
const secret = (fill: number) => new Uint8Array(32).fill(fill);

test('a key is found by what was printed once, and only its hash is in the file', () => {
  const keys = open();
  expect([keys.empty, keys.list()]).toEqual([true, []]);
  const made = keys.create({
    scope: 'search',
    collections: ['shop'],
    note: 'web',
    rate: 60,
    created,
    secret: secret(7),
  });
  expect(made.key).toMatch(/^ak_[\w-]{43}$/);
  expect(made.id).toBe(keyHash(made.key).toString('hex').slice(0, 8));
  const row = { id: made.id, scope: 'search', collections: ['shop'], note: 'web', rate: 60, created };
  expect(keys.list()).toMatchObject([row]);
  expect(keys.find(keyHash(made.key))).toMatchObject(row);
  expect(keys.find(keyHash(`${made.key}x`))).toBeUndefined();
  expect(keys.find(keyHash(made.id))).toBeUndefined();
  const wal = readFileSync(join(directory, `${KEYS_FILE}-wal`)).toString('latin1');
  expect(wal + readFileSync(join(directory, KEYS_FILE)).toString('latin1')).not.toContain(made.key.slice(3));
  expect(statSync(join(directory, KEYS_FILE)).mode & 0o777).toBe(0o600);
});

test('what one connection changes the other sees at once', () => {
  const [server, command] = [open(), open()];
  const { id, key } = command.create({ scope: 'admin', created, secret: secret(1) });
  expect(server.empty).toBe(false);
  expect(server.find(keyHash(key))).toMatchObject({
    id,
    scope: 'admin',
    collections: undefined,
    rate: undefined,
  });
  expect(command.revoke(id)).toBe(true);
  expect(command.revoke(id)).toBe(false);
  expect([server.empty, server.find(keyHash(key))]).toEqual([true, undefined]);
});

test('with a time to be late, what another changes is seen by its end, and what it changes itself at once', () => {
  let now = 0;
  const command = open();
  const server = openKeys({ directory, late: { ms: 500, clock: () => now } });
  opened.push(server);
  expect(server.empty).toBe(true);
  const { id } = command.create({ scope: 'admin', created, secret: secret(1) });
  now = 499;
  expect(server.empty).toBe(true);
  now = 500;
  expect(server.empty).toBe(false);
  const other = command.create({ scope: 'search', created, secret: secret(2) });
  expect(server.find(keyHash(other.key))).toMatchObject({ id: other.id });
  command.revoke(other.id);
  expect(server.find(keyHash(other.key))).toMatchObject({ id: other.id });
  now = 1000;
  expect(server.find(keyHash(other.key))).toBeUndefined();
  server.revoke(id);
  expect(server.empty).toBe(true);
});

test('keys stay', () => {
  const { key } = open().create({ scope: 'write', created, secret: secret(2) });
  opened.pop()!.close();
  expect(open().find(keyHash(key))).toMatchObject({ scope: 'write' });
});

test('a file that is foreign, newer or no SQLite is refused and left alone', () => {
  const path = join(directory, KEYS_FILE);
  writeFileSync(path, 'not a database, but long enough to be looked at as one'.repeat(20));
  expect(() => open()).toThrow(expect.objectContaining({ code: 'store_corrupt' }));
  rmSync(path);
  open();
  opened.pop()!.close();
  const db = new Database(path);
  db.pragma('user_version = 2');
  expect(() => open()).toThrow(expect.objectContaining({ code: 'store_newer' }));
  db.pragma('application_id = 1');
  db.close();
  expect(() => open()).toThrow(expect.objectContaining({ code: 'store_corrupt' }));
});
