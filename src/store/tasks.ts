// The durable list of tasks and their dead letters: one prepared statement per question. What a task does is src/tasks'.

import type Database from 'better-sqlite3';
import { guarded } from './sqlite-error.ts';

export const TASK_STATUSES = ['enqueued', 'processing', 'succeeded', 'failed', 'canceled'] as const;

export type TaskStatus = (typeof TASK_STATUSES)[number];

export interface TaskRow {
  /** Ascends, never comes back. */
  readonly uid: number;
  readonly type: string;
  /** Its name when the task was made. */
  readonly collection: string | null;
  readonly status: TaskStatus;
  readonly done: number;
  readonly total: number;
  /** JSON: what to do. */
  readonly params: string;
  /** JSON: what came of it, so far. */
  readonly details: string;
  /** JSON: `{code, message}` of what ended it. */
  readonly error: string | null;
  /** Milliseconds since 1970, as all three. */
  readonly enqueuedAt: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
}

/** How many of a type wait or run. */
export interface OpenTasks {
  readonly type: string;
  readonly status: 'enqueued' | 'processing';
  readonly count: number;
}

/** A row of an import that failed. */
export interface DeadLetterRow {
  /** 1-based, in the body. */
  readonly line: number;
  readonly id: string;
  readonly code: string;
  readonly reason: string;
}

const TASK = `uid, type, collection, status, done, total, params, details, error,
  enqueued_at AS enqueuedAt, started_at AS startedAt, finished_at AS finishedAt`;

const OVER = "status IN ('succeeded', 'failed', 'canceled')";

export class TaskTable {
  readonly #db: Database.Database;
  readonly #path: string;
  readonly #insert: Database.Statement<object, TaskRow>;
  readonly #get: Database.Statement<[number], TaskRow>;
  readonly #list: Database.Statement<object, TaskRow>;
  readonly #next: Database.Statement<[string], TaskRow>;
  readonly #update: Database.Statement<object>;
  readonly #requeue: Database.Statement<[]>;
  readonly #open: Database.Statement<[], OpenTasks>;
  readonly #prune: Database.Statement<[number], number>;
  readonly #letters: Database.Statement<[number, number, number], DeadLetterRow>;
  readonly #countLetters: Database.Statement<[number], number>;
  readonly #putLetter: Database.Statement<object>;
  readonly #removeLetter: Database.Statement<[number, number]>;

  constructor(db: Database.Database, path: string) {
    this.#db = db;
    this.#path = path;
    this.#insert = db.prepare(
      `INSERT INTO task (type, collection, status, total, params, enqueued_at)
       VALUES (@type, @collection, 'enqueued', @total, @params, @at) RETURNING ${TASK}`,
    );
    this.#get = db.prepare(`SELECT ${TASK} FROM task WHERE uid = ?`);
    this.#list = db.prepare(
      `SELECT ${TASK} FROM task
       WHERE uid <= @from
         AND (@statuses IS NULL OR status IN (SELECT value FROM json_each(@statuses)))
         AND (@types IS NULL OR type IN (SELECT value FROM json_each(@types)))
       ORDER BY uid DESC LIMIT @limit`,
    );
    this.#next = db.prepare(
      `SELECT ${TASK} FROM task WHERE status = 'enqueued' AND type NOT IN (SELECT value FROM json_each(?))
       ORDER BY uid LIMIT 1`,
    );
    this.#update = db.prepare(
      `UPDATE task SET status = @status, done = @done, total = @total, params = @params, details = @details,
         error = @error, started_at = @startedAt, finished_at = @finishedAt WHERE uid = @uid`,
    );
    this.#requeue = db.prepare("UPDATE task SET status = 'enqueued' WHERE status = 'processing'");
    this.#open = db.prepare(
      `SELECT type, status, count(*) AS count FROM task WHERE status IN ('enqueued', 'processing')
       GROUP BY type, status`,
    );
    this.#prune = db
      .prepare<[number], number>(
        `DELETE FROM task WHERE uid IN (SELECT uid FROM task WHERE ${OVER} ORDER BY uid DESC LIMIT -1 OFFSET ?)
         RETURNING uid`,
      )
      .pluck();
    this.#letters = db.prepare(
      'SELECT line, id, code, reason FROM dead_letter WHERE task = ? AND line >= ? ORDER BY line LIMIT ?',
    );
    this.#countLetters = db
      .prepare<[number], number>('SELECT count(*) FROM dead_letter WHERE task = ?')
      .pluck();
    this.#putLetter = db.prepare(
      `INSERT INTO dead_letter (task, line, id, code, reason) VALUES (@uid, @line, @id, @code, @reason)
       ON CONFLICT (task, line) DO UPDATE SET id = excluded.id, code = excluded.code, reason = excluded.reason`,
    );
    this.#removeLetter = db.prepare('DELETE FROM dead_letter WHERE task = ? AND line = ?');
  }

  /** All or nothing, and durable when it returns. */
  transaction<T>(work: () => T): T {
    return guarded(this.#path, () => this.#db.transaction(work).immediate());
  }

  insert(task: {
    type: string;
    collection: string | null;
    total: number;
    params: string;
    at: number;
  }): TaskRow {
    return this.#insert.get(task)!;
  }

  get(uid: number): TaskRow | undefined {
    return this.#get.get(uid);
  }

  /** Newest first, from `from` downwards. */
  list(options: {
    from?: number;
    limit: number;
    statuses?: readonly string[];
    types?: readonly string[];
  }): TaskRow[] {
    const { from = Number.MAX_SAFE_INTEGER, limit, statuses, types } = options;
    const json = (values?: readonly string[]) => (values ? JSON.stringify(values) : null);
    return this.#list.all({ from, limit, statuses: json(statuses), types: json(types) });
  }

  /** The oldest that waits and is not of one of these types. */
  next(busy: readonly string[]): TaskRow | undefined {
    return this.#next.get(JSON.stringify(busy));
  }

  open(): OpenTasks[] {
    return this.#open.all();
  }

  /** Durable when it returns. */
  update(row: TaskRow): void {
    guarded(this.#path, () => this.#update.run(row));
  }

  /** What was under way when the process ended waits again, with what it had done. */
  requeueInterrupted(): number {
    return this.#requeue.run().changes;
  }

  /** Forgets all but the newest `keep` that are over, with their dead letters. Returns whom. */
  prune(keep: number): number[] {
    return this.#prune.all(keep);
  }

  deadLetters(options: { uid: number; from?: number; limit: number }): DeadLetterRow[] {
    return this.#letters.all(options.uid, options.from ?? 0, options.limit);
  }

  countDeadLetters(uid: number): number {
    return this.#countLetters.get(uid)!;
  }

  putDeadLetter(letter: DeadLetterRow & { uid: number }): void {
    this.#putLetter.run(letter);
  }

  removeDeadLetter(uid: number, line: number): void {
    this.#removeLetter.run(uid, line);
  }
}
