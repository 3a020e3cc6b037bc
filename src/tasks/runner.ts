// Runs the tasks of a catalogue: of each type one at a time, oldest first. The list is in the store, so a task that was cut
// off goes on with the next start. One run of one task is run.ts, what tasks do their kinds.

import { AttractorError } from '../errors/error.ts';
import type { DeadLetterRow, TaskRow, TaskStatus } from '../store/tasks.ts';
import { Run, type RunTools } from './run.ts';
import { showTask, startOver, type Task, type TaskType } from './task.ts';

/** Tasks that are over and still listed. */
const KEPT = 1000;

export interface RunnerOptions extends RunTools {
  /** To be told whom the list forgot. */
  readonly onForgotten?: (uids: readonly number[]) => void;
}

export class TaskRunner {
  readonly #options: RunnerOptions;
  readonly #running = new Map<number, { run: Run; ended: Promise<void> }>();
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
      running.run.stop();
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
    for (const { run } of this.#running.values()) run.stop({ later: true });
    await Promise.all([...this.#running.values()].map(({ ended }) => ended));
  }

  #startNext(): void {
    while (!this.#closed) {
      const row = this.#options.table.next([...this.#running.values()].map(({ run }) => run.type));
      if (!row) return;
      this.#start(row);
    }
  }

  #start(row: TaskRow): void {
    const run = new Run(this.#options, row);
    // In a turn of its own: the map knows it before it can end.
    const ended = Promise.resolve()
      .then(() => run.untilEnded())
      .finally(() => {
        this.#running.delete(row.uid);
        this.#startNextSafely();
      });
    this.#running.set(row.uid, { run, ended });
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
    return showTask(row, this.#running.get(row.uid)?.run);
  }

  #assertOpen(): void {
    if (this.#closed) throw new AttractorError('not_ready', 'Tasks are not taken any more.');
  }
}

function conflict(row: TaskRow, what: string, expected: string): AttractorError {
  const message = `The task ${row.uid} cannot be ${what}: expected one that is ${expected}, received ${row.status}`;
  return new AttractorError('task_conflict', message, { field: 'uid', expected, received: row.status });
}
