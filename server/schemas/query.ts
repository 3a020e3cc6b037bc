// Bodies and options of query and query/groups, in Qdrant's words.

import { z } from 'zod';
import type { FilterInput } from '../../src/filter/read.ts';
import { strict } from '../http/validate.ts';
import { id, image, integer, vector } from './common.ts';

const options = {
  limit: integer(1, 1000).optional(),
  /** An object or an expression; src/filter reads it. */
  filter: z
    .custom<FilterInput>()
    .meta({ type: ['object', 'string'], description: "Qdrant's filter, or an expression: see /docs/api." })
    .optional(),
  with_payload: z.boolean('true or false').default(true),
  with_vector: z.boolean('true or false').default(false),
  score_threshold: z
    .number('a number from -1 to 1')
    .min(-1, 'a number from -1 to 1')
    .max(1, 'a number from -1 to 1')
    .optional(),
  params: strict({
    hnsw_ef: integer(1, 10_000).optional(),
    exact: z.boolean('true or false').optional(),
    explain: z.boolean('true or false').optional(),
  }).default({}),
};

/** For hits only. */
const hitOptions = {
  offset: integer(0, 10_000).optional(),
  mmr: strict({
    diversity: z.number('a number from 0 to 1'),
    candidates_limit: integer(1, 1000).optional(),
  }).optional(),
};

const groupOptions = {
  group_by: z.literal('group', '"group"').default('group'),
  group_size: integer(1, 100).optional(),
};

const example = z.union([id, vector], 'an item id or an array of numbers');
const recommend = strict({
  positive: z.array(example, 'an array'),
  negative: z.array(example, 'an array').optional(),
  strategy: z.enum(['average_vector', 'best_score'], 'average_vector or best_score').optional(),
});

/** What to search by; `query` is Qdrant's field: an array is a vector, a string an item's id. */
const by = {
  image: image.optional(),
  id: id.optional(),
  vector: vector.optional(),
  recommend: recommend.optional(),
  query: z
    .union([id, vector, strict({ recommend })], 'an item id, an array of numbers or {"recommend": ...}')
    .optional(),
};

const WAYS = Object.keys(by) as (keyof typeof by)[];
const oneWay = (value: Record<string, unknown>) =>
  WAYS.filter((way) => value[way] !== undefined).length === 1;
const ONE = `exactly one of ${WAYS.join(', ')}`;

export const queryBody = strict({ ...by, ...options, ...hitOptions }).refine(oneWay, ONE);
export const groupsBody = strict({ ...by, ...options, ...groupOptions }).refine(oneWay, ONE);

/** With an uploaded image the form's fields and the URL's parameters hold only options. */
export const uploadOptions = strict({ ...options, ...hitOptions });
export const uploadGroupOptions = strict({ ...options, ...groupOptions });

export type GroupsFields = z.output<typeof groupsBody>;
export type UploadFields = z.output<typeof uploadOptions>;

/** What both kinds of query have. */
export type CommonFields = Omit<UploadFields, keyof typeof hitOptions>;
