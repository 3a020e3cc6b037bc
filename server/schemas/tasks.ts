// Parameters of the task routes, and the rows of an import.

import { z } from 'zod';
import { TASK_STATUSES } from '../../src/store/tasks.ts';
import { TASK_TYPES } from '../../src/tasks/task.ts';
import { strict } from '../http/validate.ts';
import { attributes, id, integer, tags, vector } from './common.ts';

/** `a,b`, as Meilisearch writes lists in a URL. */
function list<Value extends string>(values: readonly Value[]) {
  const expected = `some of ${values.join(', ')}, with commas between`;
  return z
    .string(expected)
    .refine((text) => text.split(',').every((one) => values.some((value) => value === one)), expected)
    .transform((text) => text.split(',') as Value[]);
}

export const listTasks = strict({
  statuses: list(TASK_STATUSES).optional(),
  types: list(TASK_TYPES).optional(),
  limit: integer(1, 1000).default(20),
  from: integer(0, Number.MAX_SAFE_INTEGER).optional(),
});

export const listDeadLetters = strict({
  limit: integer(1, 10_000).default(100),
  from: integer(0, Number.MAX_SAFE_INTEGER).optional(),
});

export const importOptions = strict({ wait: z.boolean('true or false').default(true) });

export const findDuplicates = strict({
  threshold: z
    .number('a number from -1 to 1')
    .min(-1, 'a number from -1 to 1')
    .max(1, 'a number from -1 to 1'),
  across_groups: z.boolean('true or false').default(false),
});

const IMAGE = 'base64 text, a data URI, a URL, {"base64": "..."} or {"url": "..."}';
const image = z
  .union([z.string(), strict({ base64: z.string() }), strict({ url: z.string() })], IMAGE)
  .transform((value) => {
    if (typeof value !== 'string') return value;
    return /^https?:/i.test(value) ? { url: value } : { base64: value };
  });

/** An item of an upsert, whose image may be a URL. */
export const importRow = strict({
  id,
  image: image.optional(),
  vector: vector.optional(),
  group: id.optional(),
  tags: tags.optional(),
  attributes: attributes.optional(),
}).refine(
  (value) => (value.image === undefined) !== (value.vector === undefined),
  'exactly one of image and vector',
);
