// What the routes of tasks, snapshots and models answer, as schemas; see replies.ts.

import { z } from 'zod';
import { TASK_STATUSES } from '../../src/store/tasks.ts';
import { TASK_TYPES } from '../../src/tasks/task.ts';
import { strict } from '../http/validate.ts';
import { error } from './replies.ts';

const count = z.int().min(0);
const time = z.string().meta({ description: 'ISO 8601, UTC.' });

export const task = strict({
  uid: count,
  type: z.enum(TASK_TYPES),
  collection: z.string().nullable(),
  status: z.enum(TASK_STATUSES),
  progress: strict({ done: count, total: count }),
  eta_seconds: count.nullable(),
  details: z.record(z.string(), z.unknown()).meta({ description: 'What came of it so far, by type.' }),
  error: strict({ code: z.string(), message: z.string() }).nullable(),
  enqueued_at: time,
  started_at: time.nullable(),
  finished_at: time.nullable(),
}).meta({ id: 'Task' });

export const taskList = strict({ tasks: z.array(task), next: count.nullable() });

export const deadLetters = strict({
  total: count,
  dead_letters: z.array(strict({ line: count, id: z.string(), code: z.string(), reason: z.string() })),
  next: count.nullable(),
});

/** A line per row, and the counts in the last one. */
export const importLine = z.union([
  strict({
    line: count,
    id: z.string(),
    status: z.enum(['created', 'updated', 'unchanged', 'failed']),
    error: error.optional(),
  }),
  strict({
    counts: strict({ created: count, updated: count, unchanged: count, failed: count }),
    warnings: z.array(z.string()).optional(),
    error: error.optional(),
  }),
]);

export const snapshots = strict({
  snapshots: z.array(strict({ name: z.string(), bytes: count, created_at: time })),
});

const model = {
  name: z.string(),
  kind: z.enum(['backbone', 'embedding']),
  dimension: count,
  metric: z.literal('cosine'),
  fingerprint: z.string(),
  quality: z.record(z.string(), strict({ value: z.number(), on: z.string() })),
};

export const modelList = strict({ models: z.array(strict(model)) });

const open = z.record(z.string(), z.unknown());
export const oneModel = strict({ ...model, preprocess: open, provenance: open });

export const embeddings = strict({
  object: z.literal('list'),
  data: z.array(
    strict({
      object: z.literal('embedding'),
      index: count,
      embedding: z.union([z.array(z.number()), z.string()]),
    }),
  ),
  model: z.string(),
  fingerprint: z.string(),
  usage: strict({ prompt_tokens: count, total_tokens: count }),
});
