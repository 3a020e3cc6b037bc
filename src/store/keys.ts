// API keys: who may do what. A file of its own beside the store, so that a key can be made and revoked while a server runs, and
// so that a snapshot of the catalogue gives nobody access. Holds hashes only. Its table is keys-schema.ts.

import { createHash, timingSafeEqual } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { invalid } from '../errors/error.ts';
import { prepareKeys } from './keys-schema.ts';
import { makeFolder } from './lock.ts';
import { guarded } from './sqlite-error.ts';

/** Each includes those before it: read and search; change items; everything else. */
export const SCOPES = ['search', 'write', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

export interface ApiKey {
  /** Names the key in lists and logs; says nothing of its secret. */
  readonly id: string;
  readonly scope: Scope;
  /** Undefined: all. */
  readonly collections: readonly string[] | undefined;
  readonly note: string;
  /** Calls a minute; undefined: the server's limit. */
  readonly rate: number | undefined;
  /** ISO 8601. */
  readonly created: string;
}

export interface NewKey {
  readonly scope: Scope;
  readonly collections?: readonly string[];
  readonly note?: string;
  readonly rate?: number;
  readonly created: string;
  /** 32 random bytes: the key is these in base64url behind `ak_`. */
  readonly secret: Uint8Array;
}

/** In the data folder. */
export const KEYS_FILE = 'keys.db';

interface Row extends Omit<ApiKey, 'collections' | 'rate'> {
  readonly hash: Buffer;
  readonly collections: string | null;
  readonly rate: number | null;
}

/**
 * A fast hash is enough: it slows down nobody who guesses at 256 random bits, and there is no word list for them. bcrypt and its
 * like are for passwords that people choose; at every call they would only be a way to keep this server busy.
 */
export const keyHash = (key: string): Buffer => createHash('sha256').update(key).digest();

export const sameHash = (a: Buffer, b: Buffer): boolean => timingSafeEqual(a, b);

/**
 * Opens the keys of a data folder, making both where they do not exist. What another process changes is seen at once, or, with
 * `late`, within so many milliseconds of its clock; a new key works at once. Throws `store_corrupt` or `store_newer`.
 */
export function openKeys(options: { directory: string; late?: Late }): KeyStore {
  makeFolder(options.directory);
  const path = join(options.directory, KEYS_FILE);
  return guarded(path, () => {
    const db = new Database(path);
    try {
      chmodSync(path, 0o600);
      db.pragma('journal_mode = WAL');
      db.pragma('synchronous = FULL');
      db.transaction(() => prepareKeys(db, path)).immediate();
      return new KeyStore(db, path, options.late);
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

/** To look for changes costs a lock on the file. */
interface Late {
  readonly ms: number;
  readonly clock: () => number;
}

export class KeyStore {
  readonly #db: Database.Database;
  readonly #path: string;
  readonly #late: Late;
  readonly #all: Database.Statement<[], Row>;
  readonly #version: Database.Statement<[], number>;
  #rows: readonly { hash: Buffer; key: ApiKey }[] = [];
  #seen: unknown;
  #lookAt = Number.NEGATIVE_INFINITY;

  constructor(db: Database.Database, path: string, late: Late = { ms: 0, clock: () => 0 }) {
    this.#late = late;
    this.#db = db;
    this.#path = path;
    this.#version = db.prepare<[], number>('PRAGMA data_version').pluck();
    this.#all = db.prepare('SELECT * FROM api_key ORDER BY created, id');
  }

  /** The only moment at which the key itself is known. */
  create(options: NewKey): { id: string; key: string } {
    const { scope, collections, note = '', rate, created, secret } = options;
    if (secret.length !== 32) throw invalid('secret', '32 bytes', secret);
    const key = `ak_${Buffer.from(secret).toString('base64url')}`;
    const hash = keyHash(key);
    const id = hash.toString('hex', 0, 4);
    guarded(this.#path, () =>
      this.#db
        .prepare('INSERT INTO api_key VALUES (@id, @hash, @scope, @collections, @note, @rate, @created)')
        .run({
          id,
          hash,
          scope,
          collections: collections ? JSON.stringify(collections) : null,
          note,
          rate: rate ?? null,
          created,
        }),
    );
    this.#seen = undefined;
    return { id, key };
  }

  /** False where there is no such key. */
  revoke(id: string): boolean {
    this.#seen = undefined;
    return guarded(
      this.#path,
      () => this.#db.prepare('DELETE FROM api_key WHERE id = ?').run(id).changes > 0,
    );
  }

  list(): ApiKey[] {
    return this.#current().map(({ key }) => key);
  }

  get empty(): boolean {
    return this.#current().length === 0;
  }

  /** The key of this hash. All are compared, each in constant time. */
  find(hash: Buffer): ApiKey | undefined {
    const found = () => {
      let key: ApiKey | undefined;
      for (const row of this.#current()) if (sameHash(row.hash, hash)) key = row.key;
      return key;
    };
    const known = found();
    if (known) return known;
    // It may be new.
    this.#lookAt = Number.NEGATIVE_INFINITY;
    return found();
  }

  close(): void {
    this.#db.close();
  }

  /** Read again when this or another process has changed them. */
  #current(): readonly { hash: Buffer; key: ApiKey }[] {
    const now = this.#late.clock();
    if (this.#seen !== undefined && now < this.#lookAt) return this.#rows;
    this.#lookAt = now + this.#late.ms;
    return guarded(this.#path, () => {
      const version = this.#version.get();
      if (version !== this.#seen) {
        this.#rows = this.#all.all().map(({ hash, collections, rate, ...row }) => ({
          hash,
          key: {
            ...row,
            collections: collections === null ? undefined : (JSON.parse(collections) as string[]),
            rate: rate ?? undefined,
          },
        }));
        this.#seen = version;
      }
      return this.#rows;
    });
  }
}
