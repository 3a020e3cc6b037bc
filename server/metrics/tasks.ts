// Tasks: how many wait and run, asked of the store at each scrape; what ended and how far they came, as it happens.

import { Counter, Gauge, type Registry } from 'prom-client';
import type { TaskTable } from '../../src/store/tasks.ts';
import { TASK_TYPES, type TaskObserver } from '../../src/tasks/task.ts';

export function taskCounters(options: { registers: Registry[] }): TaskObserver {
  const { registers } = options;
  const ended = new Counter({
    name: 'attractor_tasks_ended_total',
    help: 'Tasks by type and outcome: succeeded, failed, canceled.',
    labelNames: ['type', 'status'],
    registers,
  });
  const items = new Counter({
    name: 'attractor_task_items_total',
    help: 'What tasks have done, in the unit of their progress: rows of imports, items of the others.',
    labelNames: ['type', 'result'],
    registers,
  });
  // From the start, so that the first failure is an increase.
  for (const type of TASK_TYPES) {
    for (const status of ['succeeded', 'failed', 'canceled']) ended.inc({ type, status }, 0);
    for (const result of ['succeeded', 'failed']) items.inc({ type, result }, 0);
  }
  return {
    ended: (task) => ended.inc(task),
    done({ type, count, failed }) {
      items.inc({ type, result: 'succeeded' }, count - failed);
      items.inc({ type, result: 'failed' }, failed);
    },
  };
}

export function taskGauge(options: { tasks: () => TaskTable; registers: Registry[] }): void {
  const { tasks, registers } = options;
  new Gauge({
    name: 'attractor_tasks',
    help: 'Tasks by type and status: enqueued, processing.',
    labelNames: ['type', 'status'],
    registers,
    collect() {
      for (const type of TASK_TYPES) {
        for (const status of ['enqueued', 'processing']) this.set({ type, status }, 0);
      }
      for (const { type, status, count } of tasks().open()) this.set({ type, status }, count);
    },
  });
}
