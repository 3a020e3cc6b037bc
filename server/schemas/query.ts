// Bodies and options of query and query/groups, in Qdrant's words.

import { z } from 'zod';
import type { FilterInput } from '../../src/filter/read.ts';
import { strict } from '../http/validate.ts';
import { id, image, integer, vector } from './common.ts';

const options = {
  limit: integer(1, 1000).optional(),
  /** An object or an expression; src/filter reads it. */
  filter: z.custom<FilterInput>().optional(),
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

const groupOptions = {
  group_by: z.literal('group', '"group"').default('group'),
  group_size: integer(1, 100).optional(),
};

/** What to search by; `query` is Qdrant's field: an array is a vector, a string an item's id. */
const by = {
  image: image.optional(),
  id: id.optional(),
  vector: vector.optional(),
  query: z.union([id, vector], 'an item id or an array of numbers').optional(),
};

const WAYS = Object.keys(by) as (keyof typeof by)[];
const oneWay = (value: Record<string, unknown>) =>
  WAYS.filter((way) => value[way] !== undefined).length === 1;
const ONE = `exactly one of ${WAYS.join(', ')}`;

export const queryBody = strict({ ...by, ...options }).refine(oneWay, ONE);
export const groupsBody = strict({ ...by, ...options, ...groupOptions }).refine(oneWay, ONE);

/** With an uploaded image the form's fields and the URL's parameters hold only options. */
export const uploadOptions = strict(options);
export const uploadGroupOptions = strict({ ...options, ...groupOptions });

export type QueryFields = z.output<typeof queryBody>;
export type UploadFields = z.output<typeof uploadOptions>;
