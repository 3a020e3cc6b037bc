// /v1/tasks and below, in Meilisearch's words.

import { z } from 'zod';
import { AttractorError } from '../../../src/errors/error.ts';
import type { TaskRunner } from '../../../src/tasks/runner.ts';
import type { Task } from '../../../src/tasks/task.ts';
import { fromText } from '../../http/options.ts';
import type { Call, Route } from '../../http/route.ts';
import { parse } from '../../http/validate.ts';
import { listDeadLetters, listTasks } from '../../schemas/tasks.ts';

export function taskRoutes({ runner }: { runner: TaskRunner }): Route[] {
  const task = '/v1/tasks/:uid';
  return [
    {
      method: 'get',
      path: '/v1/tasks',
      query: true,
      handle({ query }) {
        const { limit, ...asked } = parse(listTasks, fromText(query, ['statuses', 'types']), 'query');
        // One more than asked for says whether there are more.
        const tasks = runner.list({ ...asked, limit: limit + 1 });
        const next = tasks[limit]?.uid ?? null;
        return { result: { tasks: tasks.slice(0, limit).map(showTask), next } };
      },
    },
    {
      method: 'get',
      path: task,
      handle: ({ params }) => ({ result: showTask(runner.get(uidOf(params))) }),
    },
    {
      method: 'post',
      path: `${task}/cancel`,
      handle: async ({ params }) => ({ result: showTask(await runner.cancel(uidOf(params))) }),
    },
    {
      method: 'post',
      path: `${task}/retry`,
      handle: ({ params }) => ({ result: showTask(runner.retry(uidOf(params))), status: 202 }),
    },
    {
      method: 'get',
      path: `${task}/dead-letters`,
      query: true,
      handle({ params, query }) {
        const { limit, from } = parse(listDeadLetters, fromText(query), 'query');
        const { total, letters } = runner.deadLetters({ uid: uidOf(params), limit: limit + 1, from });
        return {
          result: { total, dead_letters: letters.slice(0, limit), next: letters[limit]?.line ?? null },
        };
      },
    },
  ];
}

const UID = z.string().regex(/^(0|[1-9]\d{0,14})$/);

function uidOf({ uid }: Readonly<Record<string, string>>): number {
  const parsed = UID.safeParse(uid);
  if (parsed.success) return Number(parsed.data);
  throw new AttractorError('task_not_found', 'There is no such task: expected a number.', { field: 'uid' });
}

const iso = (ms: number | undefined) => (ms === undefined ? null : new Date(ms).toISOString());

/** The answer of a route that makes a task; also kept under the call's idempotency key, with the task itself. */
export function made(make: (onMade: (task: Task) => void) => Task, record: Call['record']) {
  let reply: { result: object; status: 202 } | undefined;
  make((task) => {
    reply = { result: showTask(task), status: 202 };
    record?.(reply);
  });
  return reply!;
}

export function showTask(task: Task): object {
  const { uid, type, collection, status, progress, eta, details, error } = task;
  return {
    uid,
    type,
    collection: collection ?? null,
    status,
    progress,
    eta_seconds: eta === undefined ? null : Math.ceil(eta / 1000),
    details,
    error: error ?? null,
    enqueued_at: iso(task.enqueuedAt),
    started_at: iso(task.startedAt),
    finished_at: iso(task.finishedAt),
  };
}
