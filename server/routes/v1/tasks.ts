// /v1/tasks and below, in Meilisearch's words.

import { z } from 'zod';
import { AttractorError } from '../../../src/errors/error.ts';
import type { TaskRunner } from '../../../src/tasks/runner.ts';
import type { Task } from '../../../src/tasks/task.ts';
import { answered } from '../../http/idempotency.ts';
import { fromText } from '../../http/options.ts';
import type { Call, Reply, Route } from '../../http/route.ts';
import { parse } from '../../http/validate.ts';
import * as shown from '../../schemas/task-replies.ts';
import { listDeadLetters, listTasks } from '../../schemas/tasks.ts';

export function taskRoutes({ runner }: { runner: TaskRunner }): Route[] {
  const task = '/v1/tasks/:uid';
  /** Of a caller who may not use its collection a task is hidden, as if it were not there. */
  const find = ({ params, mayUse }: Call): number => {
    const uid = uidOf(params);
    if (!visible(runner.get(uid), mayUse)) throw notFound();
    return uid;
  };
  return [
    {
      method: 'get',
      path: '/v1/tasks',
      query: true,
      scope: 'search',
      ownCollections: true,
      doc: { summary: 'Tasks, newest first', query: listTasks, result: shown.taskList },
      handle({ query, mayUse }) {
        const { limit, ...asked } = parse(listTasks, fromText(query, ['statuses', 'types']), 'query');
        const tasks: Task[] = [];
        // One more than asked for says whether there are more.
        for (let from = asked.from; tasks.length <= limit; ) {
          const page = runner.list({ ...asked, from, limit: limit + 1 });
          tasks.push(...page.filter((one) => visible(one, mayUse)));
          if (page.length <= limit) break;
          from = page.at(-1)!.uid - 1;
        }
        const next = tasks[limit]?.uid ?? null;
        return { result: { tasks: tasks.slice(0, limit).map(showTask), next } };
      },
    },
    {
      method: 'get',
      path: task,
      scope: 'search',
      ownCollections: true,
      doc: { summary: 'One task', result: shown.task },
      handle: (call) => ({ result: showTask(runner.get(find(call))) }),
    },
    {
      method: 'post',
      path: `${task}/cancel`,
      scope: 'write',
      ownCollections: true,
      doc: { summary: 'Cancel a task', result: shown.task },
      handle: async (call) => ({ result: showTask(await runner.cancel(find(call))) }),
    },
    {
      method: 'post',
      path: `${task}/retry`,
      scope: 'write',
      ownCollections: true,
      doc: { summary: 'Go on with a task, or with its dead letters', accepted: shown.task },
      handle: (call) => ({ result: showTask(runner.retry(find(call))), status: 202 }),
    },
    {
      method: 'get',
      path: `${task}/dead-letters`,
      query: true,
      scope: 'search',
      ownCollections: true,
      doc: { summary: 'Rows of an import that failed', query: listDeadLetters, result: shown.deadLetters },
      handle(call) {
        const { limit, from } = parse(listDeadLetters, fromText(call.query), 'query');
        const { total, letters } = runner.deadLetters({ uid: find(call), limit: limit + 1, from });
        return {
          result: { total, dead_letters: letters.slice(0, limit), next: letters[limit]?.line ?? null },
        };
      },
    },
  ];
}

/** One of no collection is for those who may use all. */
function visible({ collection }: Task, mayUse: Call['mayUse']): boolean {
  return mayUse(collection ?? '');
}

const UID = z.string().regex(/^(0|[1-9]\d{0,14})$/);

function uidOf({ uid }: Readonly<Record<string, string>>): number {
  const parsed = UID.safeParse(uid);
  if (parsed.success) return Number(parsed.data);
  throw notFound();
}

const notFound = () => new AttractorError('task_not_found', 'There is no such task.', { field: 'uid' });

const iso = (ms: number | undefined) => (ms === undefined ? null : new Date(ms).toISOString());

/** The answer of a route that makes a task; also kept under the call's idempotency key, with the task itself. */
export function made(make: (onMade: (task: Task) => void) => Task, record: Call['record']): Promise<Reply> {
  return answered(record, (task) => ({ result: showTask(task), status: 202 }), make);
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
