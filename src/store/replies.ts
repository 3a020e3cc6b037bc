// Answers kept under the caller's idempotency key, so that a call that is sent twice is done once.

import type Database from 'better-sqlite3';

export interface ReplyRow {
  readonly key: string;
  /** SHA-256 (hex) of what was asked. */
  readonly request: string;
  /** JSON. */
  readonly reply: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export class ReplyTable {
  readonly #get: Database.Statement<[string], ReplyRow>;
  readonly #put: Database.Statement<object>;
  readonly #prune: Database.Statement<[number]>;

  constructor(db: Database.Database) {
    this.#get = db.prepare('SELECT key, request, reply, at FROM reply WHERE key = ?');
    this.#put = db.prepare(
      `INSERT INTO reply (key, request, reply, at) VALUES (@key, @request, @reply, @at)
       ON CONFLICT (key) DO UPDATE SET request = excluded.request, reply = excluded.reply, at = excluded.at`,
    );
    this.#prune = db.prepare('DELETE FROM reply WHERE at < ?');
  }

  get(key: string): ReplyRow | undefined {
    return this.#get.get(key);
  }

  /** Durable when it returns, or with the transaction that it is called in. */
  put(row: ReplyRow): void {
    this.#put.run(row);
  }

  /** Forgets what is older than `before`. */
  prune(before: number): void {
    this.#prune.run(before);
  }
}
