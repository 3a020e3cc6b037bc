// Runs the tasks of a catalogue: of each type one at a time, oldest first. The list is in the store, so a task that was cut
// off goes on with the next start. Knows nothing of what tasks do (kinds), nor of HTTP.

import { AttractorError, asAttractorError, refuseAborted } from '../errors/error.ts';
import type { Logger } from '../errors/log.ts';
import type { DeadLetterRow, TaskRow, TaskStatus, TaskTable } from '../store/tasks.ts';
import { startOver, type Task, type TaskKind, type TaskObserver, type TaskType } from './task.ts';

/** Tasks that are over and still listed. */
const KEPT = 1000;

export interface RunnerOptions {
  readonly table: TaskTable;
  readonly kinds: Readonly<Record<TaskType, TaskKind>>;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly logger: Logger;
  readonly observer?: TaskObserver;
  /** To be told whom the list forgot. */
  readonly onForgotten?: (uids: readonly number[]) => void;
}

interface Running {
  readonly stop: AbortController;
  readonly ended: Promise<void>;
  progress: { done: number; total: number };
  /** When this run began, and at what. */
  readonly since: number;
  readonly from: number;
}

export class TaskRunner {
  readonly #options: RunnerOptions;
  readonly #running = new Map<number, Running & { type: string }>();
  #closed = false;

  /** Takes up what was cut off; nothing runs before `start`. */
  constructor(options: RunnerOptions) {
    this.#options = options;
    options.table.requeueInterrupted();
  }

  start(): void {
    this.#startNext();
  }

  /** `prepare` is called in the transaction that makes the task: if it throws there is none. `onMade` too, after it. */
  enqueue(options: {
    type: TaskType;
    collection?: string;
    params?: object;
    total?: number;
    prepare?: (uid: number) => void;
    onMade?: (task: Task) => void;
  }): Task {
    this.#assertOpen();
    const { type, collection = null, params = {}, total = 0, prepare, onMade } = options;
    const { table, clock } = this.#options;
    const { row, forgotten } = table.transaction(() => {
      const row = table.insert({ type, collection, total, params: JSON.stringify(params), at: clock() });
      prepare?.(row.uid);
      onMade?.(this.#shown(row));
      return { row, forgotten: table.prune(KEPT) };
    });
    if (forgotten.length > 0) this.#options.onForgotten?.(forgotten);
    this.#startNext();
    return this.get(row.uid);
  }

  /** Throws `task_not_found`. */
  get(uid: number): Task {
    return this.#shown(this.#row(uid));
  }

  /** Newest first. */
  list(options: {
    from?: number;
    limit: number;
    statuses?: readonly TaskStatus[];
    types?: readonly TaskType[];
  }): Task[] {
    return this.#options.table.list(options).map((row) => this.#shown(row));
  }

  /** By line, from `from` on. */
  deadLetters(options: { uid: number; from?: number; limit: number }): {
    total: number;
    letters: DeadLetterRow[];
  } {
    this.#row(options.uid);
    const { table } = this.#options;
    return { total: table.countDeadLetters(options.uid), letters: table.deadLetters(options) };
  }

  /** Resolves when it has ended; what it has done stays done. Throws `task_not_found` or `task_conflict`. */
  async cancel(uid: number): Promise<Task> {
    const { table, clock, observer } = this.#options;
    const row = this.#row(uid);
    const running = this.#running.get(uid);
    if (running) {
      running.stop.abort();
      await running.ended;
    } else if (row.status === 'enqueued') {
      table.update({ ...row, status: 'canceled', finishedAt: clock() });
      observer?.ended({ type: row.type as TaskType, status: 'canceled' });
    } else {
      throw conflict(row, 'canceled', 'enqueued or processing');
    }
    return this.get(uid);
  }

  /**
   * Runs what failed or was canceled from where it was, and of what succeeded the dead letters. Throws `task_not_found`
   * or `task_conflict`.
   */
  retry(uid: number): Task {
    this.#assertOpen();
    const { table, kinds } = this.#options;
    const row = this.#row(uid);
    const over = row.status !== 'enqueued' && row.status !== 'processing';
    const again = over && (kinds[row.type as TaskType].retry ?? startOver)(row, table);
    if (!again) throw conflict(row, 'retried', 'failed, canceled, or with dead letters');
    table.update({ ...row, ...again, status: 'enqueued', error: null, startedAt: null, finishedAt: null });
    this.#startNext();
    return this.get(uid);
  }

  /** Stops what runs; the next start goes on with it. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { stop } of this.#running.values()) stop.abort();
    await Promise.all([...this.#running.values()].map(({ ended }) => ended));
  }

  #startNext(): void {
    while (!this.#closed) {
      const row = this.#options.table.next([...this.#running.values()].map(({ type }) => type));
      if (!row) return;
      this.#start(row);
    }
  }

  #start(row: TaskRow): void {
    const { table, clock } = this.#options;
    const since = clock();
    const started: TaskRow = { ...row, status: 'processing', startedAt: row.startedAt ?? since };
    table.update(started);
    const stop = new AbortController();
    // In a turn of its own: the map knows it before it can end.
    const ended = Promise.resolve().then(() => this.#run(started, stop.signal));
    const { done, total } = row;
    this.#running.set(row.uid, { type: row.type, stop, ended, progress: { done, total }, since, from: done });
  }

  async #run(started: TaskRow, signal: AbortSignal): Promise<void> {
    const { table, kinds, logger, clock, observer } = this.#options;
    const { uid } = started;
    const type = started.type as TaskType;
    const kind = kinds[type];
    let row = started;
    const running = this.#running.get(uid)!;
    const moved = (progress: Running['progress']) => {
      observer?.done({ type, count: Math.max(0, progress.done - running.progress.done) });
      running.progress = progress;
    };
    try {
      let error: AttractorError | undefined;
      try {
        // Told to stop in the very turn that it was started in.
        refuseAborted(signal);
        const details = await kind.run({
          row,
          signal,
          table,
          logger,
          progress: moved,
          checkpoint: ({ done, total, details }, also) => {
            const next = { ...row, done, total, details: JSON.stringify(details) };
            table.transaction(() => {
              also?.();
              table.update(next);
            });
            row = next;
            moved({ done, total });
          },
        });
        row = { ...row, ...running.progress, details: JSON.stringify(details) };
      } catch (thrown) {
        error = asAttractorError(thrown);
        // It is not over: the next start goes on with it.
        if (this.#closed) return;
      }
      const canceled = error !== undefined && signal.aborted;
      const status = canceled ? 'canceled' : error ? 'failed' : 'succeeded';
      const told = error && !canceled ? shownError(error) : null;
      if (error) kind.undo?.(row);
      table.update({ ...row, status, error: told && JSON.stringify(told), finishedAt: clock() });
      observer?.ended({ type, status });
      const fields = { task: uid, type, collection: row.collection, status };
      if (told) logger.error({ ...fields, code: error!.code, err: error!.cause ?? error }, 'task failed');
      else logger.info(fields, 'task ended');
    } catch (err) {
      // The store itself does not answer: the task stays as it is there.
      logger.error({ task: uid, err }, 'the end of a task could not be noted');
    } finally {
      this.#running.delete(uid);
      this.#startNextSafely();
    }
  }

  #startNextSafely(): void {
    try {
      this.#startNext();
    } catch (err) {
      this.#options.logger.error({ err }, 'the next task could not be started');
    }
  }

  #row(uid: number): TaskRow {
    const row = this.#options.table.get(uid);
    if (row) return row;
    throw new AttractorError('task_not_found', `There is no task ${uid}.`, {
      field: 'uid',
      received: String(uid),
    });
  }

  #shown(row: TaskRow): Task {
    const running = this.#running.get(row.uid);
    const { done, total } = running?.progress ?? row;
    const gone = running && this.#options.clock() - running.since;
    const eta =
      running && done > running.from
        ? Math.round((gone! * (total - done)) / (done - running.from))
        : undefined;
    return {
      uid: row.uid,
      type: row.type as TaskType,
      collection: row.collection ?? undefined,
      status: row.status,
      progress: { done, total },
      eta,
      details: JSON.parse(row.details),
      error: row.error === null ? undefined : JSON.parse(row.error),
      enqueuedAt: row.enqueuedAt,
      startedAt: row.startedAt ?? undefined,
      finishedAt: row.finishedAt ?? undefined,
    };
  }

  #assertOpen(): void {
    if (this.#closed) throw new AttractorError('not_ready', 'Tasks are not taken any more.');
  }
}

/** What went wrong inside is for the log. */
function shownError({ code, status, message }: AttractorError) {
  return { code, message: status === 500 ? 'Internal error.' : message };
}

function conflict(row: TaskRow, what: string, expected: string): AttractorError {
  const message = `The task ${row.uid} cannot be ${what}: expected one that is ${expected}, received ${row.status}`;
  return new AttractorError('task_conflict', message, { field: 'uid', expected, received: row.status });
}
