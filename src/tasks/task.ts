// What a task is to those who ask about it, and to the runner that runs it.

import type { Logger } from '../errors/log.ts';
import type { TaskRow, TaskStatus, TaskTable } from '../store/tasks.ts';

export const TASK_TYPES = ['import', 'duplicates', 'snapshot', 'compact'] as const;

export type TaskType = (typeof TASK_TYPES)[number];

export interface Task {
  readonly uid: number;
  readonly type: TaskType;
  readonly collection: string | undefined;
  readonly status: TaskStatus;
  readonly progress: { readonly done: number; readonly total: number };
  /** Milliseconds until it is done, from the pace so far; while it runs. */
  readonly eta: number | undefined;
  /** What came of it, so far; by type. */
  readonly details: Readonly<Record<string, unknown>>;
  readonly error: { readonly code: string; readonly message: string } | undefined;
  /** Milliseconds since 1970. */
  readonly enqueuedAt: number;
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
}

/** `run`: while it runs. */
export function showTask(row: TaskRow, run?: Pick<Task, 'progress' | 'eta'>): Task {
  const { done, total } = run?.progress ?? row;
  return {
    uid: row.uid,
    type: row.type as TaskType,
    collection: row.collection ?? undefined,
    status: row.status,
    progress: { done, total },
    eta: run?.eta,
    details: JSON.parse(row.details),
    error: row.error === null ? undefined : JSON.parse(row.error),
    enqueuedAt: row.enqueuedAt,
    startedAt: row.startedAt ?? undefined,
    finishedAt: row.finishedAt ?? undefined,
  };
}

/** Is told of the work of tasks while it is done. Must be quick and must not throw. */
export interface TaskObserver {
  ended(task: { type: TaskType; status: 'succeeded' | 'failed' | 'canceled' }): void;
  /** So many more of what the type counts in its progress, and how many of these failed. */
  done(more: { type: TaskType; count: number; failed: number }): void;
}

/** What a kind of task is given to run one. */
export interface TaskRun {
  readonly row: TaskRow;
  /** Fires when the task is canceled or the process stops. */
  readonly signal: AbortSignal;
  readonly table: TaskTable;
  readonly logger: Logger;
  /** Seen by those who ask, not durable. */
  progress(progress: { done: number; total: number }): void;
  /** Durable with whatever `also` writes, in one transaction. `failed`: of what was done since the last one. */
  checkpoint(
    state: { done: number; total: number; details: object; failed?: number },
    also?: () => void,
  ): void;
}

export interface TaskKind {
  /** Returns the details. Started again after a crash or a retry, it goes on from `row.done`. */
  run(run: TaskRun): Promise<object>;
  /** Takes back what a run left that did not succeed. */
  undo?(row: TaskRow): void;
  /** What to do differently the next time; undefined where a finished task has nothing to be retried. */
  retry?(row: TaskRow, table: TaskTable): { params: string; done: number; total: number } | undefined;
}

/** A task that reads nothing but the collection starts over. */
export function startOver(row: TaskRow) {
  return row.status === 'succeeded' ? undefined : { params: row.params, done: 0, total: row.total };
}
