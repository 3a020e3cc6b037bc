// One run of one task, from its start until what came of it is in the list: progress, checkpoints, the end. Does not choose what
// runs, nor know what tasks do.

import { setMaxListeners } from 'node:events';
import { type AttractorError, asAttractorError, refuseAborted, shownMessage } from '../errors/error.ts';
import type { Logger } from '../errors/log.ts';
import type { TaskRow, TaskTable } from '../store/tasks.ts';
import type { Task, TaskKind, TaskObserver, TaskType } from './task.ts';

export interface RunTools {
  readonly table: TaskTable;
  readonly kinds: Readonly<Record<TaskType, TaskKind>>;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly logger: Logger;
  readonly observer?: TaskObserver;
}

export class Run {
  readonly type: TaskType;
  progress: Task['progress'];
  readonly #tools: RunTools;
  readonly #stop = new AbortController();
  /** When this run began, and at what. */
  readonly #since: number;
  readonly #from: number;
  /** As the list has it. */
  #row: TaskRow;
  #later = false;

  /** Notes that it has started. */
  constructor(tools: RunTools, row: TaskRow) {
    const { done, total } = row;
    // Each row of a batch that waits for its URL listens until its picture is there.
    setMaxListeners(0, this.#stop.signal);
    this.#tools = tools;
    this.type = row.type as TaskType;
    this.#since = tools.clock();
    this.#from = done;
    this.progress = { done, total };
    this.#row = { ...row, status: 'processing', startedAt: row.startedAt ?? this.#since };
    tools.table.update(this.#row);
  }

  get eta(): number | undefined {
    const { done, total } = this.progress;
    const gone = this.#tools.clock() - this.#since;
    return done > this.#from ? Math.round((gone * (total - done)) / (done - this.#from)) : undefined;
  }

  /** `later`: it is not over, the next start goes on with it. */
  stop({ later = false } = {}): void {
    this.#later ||= later;
    this.#stop.abort();
  }

  /** Never rejects. */
  async untilEnded(): Promise<void> {
    const { table, kinds, logger, clock, observer } = this.#tools;
    const { type } = this;
    const { uid } = this.#row;
    const { signal } = this.#stop;
    const kind = kinds[type];
    try {
      let error: AttractorError | undefined;
      try {
        // Told to stop in the very turn that it was started in.
        refuseAborted(signal);
        const details = await kind.run({
          row: this.#row,
          signal,
          table,
          logger,
          progress: (progress) => this.#moved(progress),
          checkpoint: ({ done, total, details, failed }, also) => {
            const next = { ...this.#row, done, total, details: JSON.stringify(details) };
            table.transaction(() => {
              also?.();
              table.update(next);
            });
            this.#row = next;
            this.#moved({ done, total }, failed);
          },
        });
        this.#row = { ...this.#row, ...this.progress, details: JSON.stringify(details) };
      } catch (thrown) {
        error = asAttractorError(thrown);
        if (this.#later) return;
      }
      const canceled = error !== undefined && signal.aborted;
      const status = canceled ? 'canceled' : error ? 'failed' : 'succeeded';
      const told = error && !canceled ? shownError(error) : null;
      if (error) kind.undo?.(this.#row);
      table.update({ ...this.#row, status, error: told && JSON.stringify(told), finishedAt: clock() });
      observer?.ended({ type, status });
      const counts: { failed?: number } = countsOf(JSON.parse(this.#row.details));
      const fields = { task: uid, type, collection: this.#row.collection, status, counts };
      if (told) logger.error({ ...fields, code: error!.code, err: error!.cause ?? error }, 'task failed');
      else if (counts.failed) logger.warn(fields, 'task ended, and some of it failed');
      else logger.info(fields, 'task ended');
    } catch (err) {
      // The store itself does not answer: the task stays as it is there.
      logger.error({ task: uid, err }, 'the end of a task could not be noted');
    }
  }

  #moved(progress: Task['progress'], failed = 0): void {
    const count = Math.max(0, progress.done - this.progress.done);
    this.#tools.observer?.done({ type: this.type, count, failed });
    this.progress = progress;
  }
}

/** Of what came of it, what fits into a line of the log. */
const countsOf = (details: object) =>
  Object.fromEntries(Object.entries(details).filter(([, value]) => typeof value === 'number'));

/** What went wrong inside is for the log. */
function shownError(error: AttractorError) {
  return { code: error.code, message: shownMessage(error) };
}
