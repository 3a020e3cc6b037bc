// What the API answers, as schemas: for the OpenAPI document, the types of the client, and the test that holds real
// answers to them. Nothing is parsed by them at run time.

import { z } from 'zod';
import { strict } from '../http/validate.ts';

const count = z.int().min(0);
const ms = z.number().min(0);
const floats = z.array(z.number());

/** What every answer in JSON has around its `result`. */
export const envelope = <Result extends z.ZodType, Beside extends z.ZodRawShape>(
  result: Result,
  beside: Beside = {} as Beside,
) =>
  strict({
    result,
    ...beside,
    status: z.literal('ok'),
    time: z.number().min(0).meta({ description: 'Seconds.' }),
  });

export const error = strict({
  code: z.string(),
  message: z.string(),
  field: z.string().optional(),
  expected: z.string().optional(),
  received: z.string().optional(),
  link: z.string(),
});

/** /readyz has its `result` beside the error. */
export const errorReply = z
  .looseObject({
    error: error.extend({ request_id: z.string() }),
    status: z.literal('error'),
    time: z.number().min(0),
  })
  .meta({ id: 'Error' });

export const collectionInfo = strict({
  name: z.string(),
  model: z.string().nullable(),
  fingerprint: z.string().nullable(),
  dimension: count,
  metric: z.literal('cosine'),
  count,
  indexed: count,
  status: z.enum(['green', 'yellow']),
}).meta({ id: 'CollectionInfo' });

export const collectionList = strict({ collections: z.array(collectionInfo) });

const queries = { queries: count, recall: z.number().min(0).max(1) };
export const collection = collectionInfo
  .extend({
    recall: strict({
      by_filter: z.array(strict({ filter: z.string(), ...queries })),
      by_width: z.array(strict({ ef: count, ...queries })),
      proposed_ef: count.nullable(),
    }),
  })
  .meta({ id: 'Collection' });

const scalar = z.union([z.string(), z.number(), z.boolean()]);

export const item = strict({
  id: z.string(),
  group: z.string(),
  tags: z.array(z.string()),
  attributes: z.record(z.string(), scalar),
  image: z.string().meta({ description: 'Where the picture is.' }).optional(),
  vector: floats.optional(),
}).meta({ id: 'Item' });

export const upsertResult = strict({
  id: z.string(),
  status: z.enum(['created', 'updated', 'unchanged', 'failed']),
  error: error.optional(),
}).meta({ id: 'UpsertResult' });

export const upsertResults = strict({ items: z.array(upsertResult) });
export const deleted = strict({ deleted: count });
export const patched = strict({ matched: count, updated: count });
export const patchedItem = strict({ id: z.string(), status: z.enum(['updated', 'unchanged']) });

/** Attributes beside what every item has. */
const payload = z
  .object({ group: z.string(), tags: z.array(z.string()), image: z.string().optional() })
  .catchall(z.union([scalar, z.array(z.string())]));

export const hit = strict({
  id: z.string(),
  score: z.number().meta({ description: 'Cosine similarity.' }),
  payload: payload.optional(),
  vector: floats.optional(),
}).meta({ id: 'Hit' });

const hits = { points: z.array(hit) };
const hitGroups = {
  groups: z.array(strict({ id: z.union([z.string(), z.number()]), hits: z.array(hit) })),
};
export const points = strict(hits);
export const groups = strict(hitGroups);

export const warnings = z.array(z.string()).optional().meta({
  description:
    'Of what is no error and may yet be none of what was meant: attributes that no item has, or not of that type.',
});

/** Beside the `result` of a query. Milliseconds. */
export const account = {
  timing: strict({ embed_ms: ms, search_ms: ms }),
  warnings,
  explanation: strict({
    plan: z.enum(['scan', 'graph', 'graph, then scan', 'none']),
    reason: z.string(),
    items: count,
    estimated: z.number().min(0),
    matches: count,
    candidates: count,
    timing: strict({ embed_ms: ms, filter_ms: ms, search_ms: ms }),
  }).optional(),
  why: strict({
    id: z.string(),
    score: z.number().nullable(),
    rank: z.int().min(1).nullable(),
    removed_by: z
      .enum(['query', 'filter', 'negative_example', 'score_threshold', 'offset', 'limit', 'mmr', 'graph'])
      .nullable(),
    condition: z.looseObject({}).optional(),
  }).optional(),
};

/** With `crops` an answer for each. */
const pointsOfCrops = strict({ crops: z.array(strict({ ...hits, ...account })) });
export const pointsOrCrops = z.union([points, pointsOfCrops]);
export const groupsOrCrops = z.union([
  groups,
  strict({ crops: z.array(strict({ ...hitGroups, ...account })) }),
]);
export const batch = z.array(
  z.union([strict({ ...hits, ...account }), pointsOfCrops.extend({ timing: account.timing })]),
);

export const page = strict({
  points: z.array(hit.omit({ score: true })),
  next_page_offset: z.string().nullable(),
});
export const counted = strict({ count });
export const facet = strict({ hits: z.array(strict({ value: scalar, count })) });

export const aliases = strict({
  aliases: z.array(strict({ alias_name: z.string(), collection_name: z.string() })),
});

export const alive = strict({ alive: z.literal(true) });
export const readiness = strict({
  ready: z.boolean(),
  demo: strict({ done: count, total: count }).optional(),
});

export const samples = strict({
  collection: z.string(),
  samples: z.array(z.looseObject({ image: z.string(), group: z.string() })),
});
