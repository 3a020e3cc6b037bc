// Bodies of Qdrant's REST API, as far as it is served. A field that is null counts as not given, as its clients mean it.
// `ignored` are options of Qdrant's own storage and speed: they are taken, because its clients send them, and not looked at.

import { z } from 'zod';
import { strict } from '../http/validate.ts';
import { image, integer, vector } from '../schemas/common.ts';
import { key } from '../schemas/query.ts';
import { pointId } from './ids.ts';
import type { PayloadSelector } from './payload.ts';

/** Without what is null at its top. */
const given = <Schema extends z.ZodType>(schema: Schema) =>
  z.preprocess(
    (value) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).filter(([, one]) => one !== null))
        : value,
    schema,
  );

const ignored = z.unknown().optional();
const flag = z.boolean('true or false');
const filter = z.unknown().optional();

/** URL parameters of all routes: every write is durable when it is answered, and every read sees it. */
export const urlOptions = strict({
  wait: ignored,
  ordering: ignored,
  timeout: ignored,
  consistency: ignored,
});

const DISTANCE = '"Cosine", the only distance here';
export const createCollection = given(
  strict({
    vectors: strict({
      size: integer(1, 8192),
      distance: z.literal('Cosine', DISTANCE),
      on_disk: ignored,
      hnsw_config: ignored,
      quantization_config: ignored,
    }),
    hnsw_config: ignored,
    optimizers_config: ignored,
    wal_config: ignored,
    quantization_config: ignored,
    on_disk_payload: ignored,
    shard_number: ignored,
    replication_factor: ignored,
    write_consistency_factor: ignored,
  }),
);

export const createIndex = strict({ field_name: z.string('a string'), field_schema: ignored });

const keys = z.array(z.string(), 'an array of strings');
const withPayload = z
  .union(
    [flag, keys, strict({ include: keys.optional(), exclude: keys.optional() })],
    'true, false, an array of keys, or {"include": [...]} or {"exclude": [...]}',
  )
  .transform((value): PayloadSelector => (Array.isArray(value) ? { include: value } : value));

const POINTS = '1 to 10000 points';
const many = <Schema extends z.ZodType>(one: Schema) =>
  z.array(one, POINTS).min(1, POINTS).max(10_000, POINTS);
const payload = z.record(z.string(), z.unknown(), 'an object');

const point = strict({ id: pointId, vector, payload: payload.nullable().optional() });
export const upsertPoints = given(
  strict({
    points: many(point).optional(),
    batch: strict({
      ids: many(pointId),
      vectors: many(vector),
      payloads: z.array(payload.nullable(), 'an array').nullable().optional(),
    }).optional(),
  }).refine(
    ({ points, batch }) => (points === undefined) !== (batch === undefined),
    'exactly one of points and batch',
  ),
);

const selector = { points: many(pointId).optional(), filter };
const oneSelector = (value: { points?: unknown; filter?: unknown }) =>
  (value.points === undefined) !== (value.filter === undefined);
const SELECTOR = 'exactly one of points and filter';
export const selectPoints = given(strict(selector).refine(oneSelector, SELECTOR));
export const setPayload = given(strict({ ...selector, payload }).refine(oneSelector, SELECTOR));
export const deletePayload = given(strict({ ...selector, keys }).refine(oneSelector, SELECTOR));

const SOME = '1 to 1000 ids';
const shown = (payloadByDefault: boolean) => ({
  with_payload: withPayload.default(payloadByDefault),
  with_vector: flag.default(false),
});

export const retrievePoints = given(
  strict({ ids: z.array(pointId, SOME).min(1, SOME).max(1000, SOME), ...shown(true) }),
);
export const scrollPoints = given(
  strict({ filter, limit: integer(1, 1000).default(10), offset: pointId.optional(), ...shown(true) }),
);
export const countPoints = given(strict({ filter, exact: ignored }));
export const facet = given(strict({ key, filter, limit: integer(1, 1000).default(10), exact: ignored }));

const example = z.union(
  [pointId, vector, strict({ image, model: z.string().optional() })],
  'a point id, an array of numbers or {"image": "..."}',
);
const examples = {
  positive: z.array(example, 'an array').default([]),
  negative: z.array(example, 'an array').optional(),
  strategy: z
    .enum(['average_vector', 'best_score'], 'average_vector or best_score')
    .nullable()
    .transform((value) => value ?? undefined)
    .optional(),
};
const mmr = strict({
  diversity: z.number('a number from 0 to 1').default(0.5),
  candidates_limit: integer(1, 1000).nullable().optional(),
});

const options = {
  filter,
  params: given(
    strict({
      hnsw_ef: integer(1, 10_000).optional(),
      exact: flag.optional(),
      quantization: ignored,
      indexed_only: ignored,
      acorn: ignored,
    }),
  ).optional(),
  score_threshold: z.number('a number').optional(),
  limit: integer(1, 1000).default(10),
};
const page = { offset: integer(0, 10_000).default(0) };

const query = z.union(
  [
    example,
    strict({ nearest: example, mmr: mmr.nullable().optional() }),
    strict({ recommend: strict(examples) }),
  ],
  'a point id, an array of numbers, {"image": ...}, {"nearest": ...} or {"recommend": ...}',
);
export const queryPoints = given(strict({ query, ...options, ...page, ...shown(false) }));
export const groupPoints = given(
  strict({ query, ...options, limit: integer(1, 1000).default(3), ...groups(), ...shown(false) }),
);
const SEARCHES = '1 to 100 searches';
const searches = <Schema extends z.ZodType>(one: Schema) =>
  strict({ searches: z.array(one, SEARCHES).min(1, SEARCHES).max(100, SEARCHES) });
export const queryBatch = searches(queryPoints);

/** The older forms of the same. */
export const searchPoints = given(strict({ vector, ...options, ...page, ...shown(false) }));
export const searchBatch = searches(searchPoints);
export const recommendPoints = given(strict({ ...examples, ...options, ...page, ...shown(false) }));

function groups() {
  return { group_by: key, group_size: integer(1, 100).default(3) };
}

export type QueryFields = z.output<typeof queryPoints>;
export type GroupFields = z.output<typeof groupPoints>;
export type QueryInput = QueryFields['query'];
export type ExampleInput = z.output<typeof example>;
export type ShownFields = Pick<QueryFields, 'with_payload' | 'with_vector'>;
