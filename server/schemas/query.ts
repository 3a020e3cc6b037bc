// Bodies and options of query, query/groups, query/batch and recommend, in Qdrant's words.

import { z } from 'zod';
import type { FilterInput } from '../../src/filter/read.ts';
import { strict } from '../http/validate.ts';
import { id, image, integer, vector } from './common.ts';

/** An object or an expression; src/filter reads it. */
export const filter = z
  .custom<FilterInput>()
  .meta({ type: ['object', 'string'], description: "Qdrant's filter, or an expression: see /docs/api." })
  .optional();

/** Where it may lie is src/image's to say. */
const crop = strict({
  x: z.number(),
  y: z.number(),
  width: z.number(),
  height: z.number(),
  unit: z.enum(['pixel', 'fraction'], 'pixel or fraction').optional(),
});

const CROPS = '1 to 16 crops';
/** Of the image that is asked by: one part of it, or several parts with an answer each. */
const crops = { crop: crop.optional(), crops: z.array(crop, CROPS).min(1, CROPS).max(16, CROPS).optional() };

const options = {
  limit: integer(1, 1000).optional(),
  filter,
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
  why: id.optional(),
};

const KEY = 'the name of an attribute, "tags" or "group"';
export const key = z.string(KEY).min(1, KEY);

const groupOptions = {
  group_by: key.optional(),
  group_size: integer(1, 100).optional(),
};

const example = z.union(
  [id, vector, strict({ image, crop: crop.optional() })],
  'an item id, an array of numbers or {"image": ...}',
);
const examples = {
  positive: z.array(example, 'an array'),
  negative: z.array(example, 'an array').optional(),
  strategy: z.enum(['average_vector', 'best_score'], 'average_vector or best_score').optional(),
};
const recommend = strict(examples);

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

export const queryBody = strict({ ...by, ...crops, ...options, ...hitOptions }).refine(oneWay, ONE);
export const groupsBody = strict({ ...by, ...crops, ...options, ...groupOptions }).refine(oneWay, ONE);
export const recommendBody = strict({ ...examples, ...options, ...hitOptions });

const SEARCHES = '1 to 100 searches';
export const batchBody = strict({
  searches: z.array(queryBody, SEARCHES).min(1, SEARCHES).max(100, SEARCHES),
});

/** With an uploaded image the form's fields and the URL's parameters hold only options. */
export const uploadOptions = strict({ ...crops, ...options, ...hitOptions });
export const uploadGroupOptions = strict({ ...crops, ...options, ...groupOptions });

/** What to search by, as far as it is in the fields: an upload has it beside them. */
export type ByFields = Partial<Pick<z.output<typeof queryBody>, keyof typeof by | keyof typeof crops>>;
export type HitFields = ByFields & z.output<typeof uploadOptions>;
export type GroupFields = ByFields & z.output<typeof uploadGroupOptions>;
export type RecommendFields = z.output<typeof recommend>;
export type ExampleFields = z.output<typeof example>;

/** What both kinds of query have. */
export type CommonFields = Omit<HitFields, keyof typeof hitOptions>;
