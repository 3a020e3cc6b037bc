// The calls on tasks and on snapshots, which are taken by tasks.

import { type Call, type CallOptions, pause } from './http.ts';
import type { DeadLetters, DeadLettersInput, Snapshot, Task, TaskList, TaskListInput } from './types.ts';

export interface TasksClient {
  /** Newest first; `next` is the `from` of the next page, null after the last. */
  list(page?: TaskListInput, options?: CallOptions): Promise<TaskList>;
  /** Throws `task_not_found`. */
  get(uid: number, options?: CallOptions): Promise<Task>;
  /** Until it has ended, whatever came of it: `status` says. No timeout but that of each of its calls. */
  wait(
    uid: number,
    options?: CallOptions & {
      /** Milliseconds between two looks. Default 500. */
      interval?: number;
      onProgress?: (task: Task) => void;
    },
  ): Promise<Task>;
  /** Answers when it has ended. Throws `task_conflict` where it has already. */
  cancel(uid: number, options?: CallOptions): Promise<Task>;
  /** What failed or was canceled goes on; of an import that succeeded the dead letters. Throws `task_conflict`. */
  retry(uid: number, options?: CallOptions): Promise<Task>;
  /** Rows of an import that failed; `next` is the `from` of the next page. */
  deadLetters(uid: number, page?: DeadLettersInput, options?: CallOptions): Promise<DeadLetters>;
}

export interface SnapshotsClient {
  /** As a task, whose `details.name` is the snapshot's. */
  take(options?: CallOptions): Promise<Task>;
  /** Newest first. */
  list(options?: CallOptions): Promise<Snapshot[]>;
  /** The file, as it comes. Throws `snapshot_not_found`. */
  download(name: string, options?: CallOptions): Promise<ReadableStream<Uint8Array>>;
  delete(name: string, options?: CallOptions): Promise<void>;
}

export async function resultOf<T>(response: Promise<Response>): Promise<T> {
  return ((await (await response).json()) as { result: T }).result;
}

export function tasksClient(call: Call): TasksClient {
  const path = (uid: number) => `/v1/tasks/${uid}`;
  const get = (uid: number, options?: CallOptions) =>
    resultOf<Task>(call({ method: 'GET', path: path(uid), ...options }));
  return {
    get,
    list: (page = {}, options) =>
      resultOf(call({ method: 'GET', path: `/v1/tasks${search(page)}`, ...options })),
    async wait(uid, { interval = 500, onProgress, ...options } = {}) {
      const signal = options.signal ?? new AbortController().signal;
      for (;;) {
        const task = await get(uid, options);
        onProgress?.(task);
        if (task.finished_at !== null) return task;
        await pause(interval, signal);
      }
    },
    cancel: (uid, options) => resultOf(call({ method: 'POST', path: `${path(uid)}/cancel`, ...options })),
    retry: (uid, options) => resultOf(call({ method: 'POST', path: `${path(uid)}/retry`, ...options })),
    deadLetters: (uid, page = {}, options) =>
      resultOf(call({ method: 'GET', path: `${path(uid)}/dead-letters${search(page)}`, ...options })),
  };
}

export function snapshotsClient(call: Call): SnapshotsClient {
  const path = (name: string) => `/v1/snapshots/${encodeURIComponent(name)}`;
  return {
    take: (options) => resultOf(call({ method: 'POST', path: '/v1/snapshots', ...options })),
    async list(options) {
      const request = { method: 'GET', path: '/v1/snapshots', ...options } as const;
      return (await resultOf<{ snapshots: Snapshot[] }>(call(request))).snapshots;
    },
    async download(name, options) {
      return (await call({ method: 'GET', path: path(name), timeout: 0, ...options })).body!;
    },
    async delete(name, options) {
      await call({ method: 'DELETE', path: path(name), ...options });
    },
  };
}

/** Lists are written with commas. */
function search(page: object): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(page)) if (value !== undefined) params.set(key, String(value));
  return params.size === 0 ? '' : `?${params}`;
}
