// Searching as Qdrant writes it: /collections/{collection}/points/query, /query/batch, /query/groups, and the older /search,
// /search/batch and /recommend.

import type {
  Catalogue,
  Collection,
  Example,
  Hit,
  QueryBy,
  QueryOptions,
} from '../../src/catalogue/types.ts';
import { AttractorError, withoutPrefix } from '../../src/errors/error.ts';
import { createImageReader, type ImageReader, type ImageReading } from '../http/image.ts';
import type { Call, Route } from '../http/route.ts';
import { parse } from '../http/validate.ts';
import { inTurns } from '../routes/v1/collections/asked.ts';
import { fromQdrantFilter } from './filter.ts';
import { showPoint } from './points.ts';
import {
  type ExampleInput,
  type GroupFields,
  groupPoints,
  type QueryFields,
  type QueryInput,
  queryBatch,
  queryPoints,
  recommendPoints,
  type ShownFields,
  searchBatch,
  searchPoints,
  urlOptions,
} from './schemas.ts';

/** One request, and what it is asked of. */
interface Asked {
  readonly collection: Collection;
  readonly call: Call;
  readonly images: ImageReader;
}

export function queryRoutes(options: ImageReading & { catalogue: Catalogue }): Route[] {
  const { catalogue } = options;
  const route = (path: string, ask: (of: Asked) => Promise<unknown>): Route => ({
    method: 'post',
    path: `/collections/:collection/points/${path}`,
    reads: 'json',
    query: true,
    scope: 'search',
    async handle(call) {
      parse(urlOptions, call.query, 'query');
      const collection = catalogue.collection(call.params.collection!);
      return { result: await ask({ collection, call, images: createImageReader(options) }) };
    },
  });
  return [
    route('query', async (of) => ({ points: await hits(of, parse(queryPoints, of.call.fields)) })),
    route('query/batch', (of) =>
      inTurns(parse(queryBatch, of.call.fields).searches, async (search, i) => ({
        points: await inSearch(i, hits(of, search)),
      })),
    ),
    route('query/groups', (of) => groups(of, parse(groupPoints, of.call.fields))),
    route('search', (of) => {
      const { vector, ...rest } = parse(searchPoints, of.call.fields);
      return hits(of, { query: vector, ...rest });
    }),
    route('search/batch', (of) =>
      inTurns(parse(searchBatch, of.call.fields).searches, ({ vector, ...rest }, i) =>
        inSearch(i, hits(of, { query: vector, ...rest })),
      ),
    ),
    route('recommend', (of) => {
      const { positive, negative, strategy, ...rest } = parse(recommendPoints, of.call.fields);
      return hits(of, { query: { recommend: { positive, negative, strategy } }, ...rest });
    }),
  ];
}

async function hits(of: Asked, fields: QueryFields): Promise<object[]> {
  const { query } = fields;
  const mmr = typeof query === 'object' && 'nearest' in query ? query.mmr : undefined;
  // No object here begins with a spread (server/http/route.ts).
  const answer = of.collection.query({
    // Naming an offset asks for exact order; Qdrant's clients name 0 where they mean none.
    offset: fields.offset === 0 ? undefined : fields.offset,
    mmr: mmr ? { diversity: mmr.diversity, candidates: mmr.candidates_limit ?? undefined } : undefined,
    ...(await toOptions(of, fields)),
  });
  return (await named(answer)).hits.map((hit) => showHit(of.call, hit, fields));
}

async function groups(of: Asked, fields: GroupFields): Promise<object> {
  const { group_by: groupBy, group_size: groupSize } = fields;
  const asked = { groupBy, groupSize, ...(await toOptions(of, fields)) };
  const answer = await named(of.collection.queryGroups(asked));
  return {
    groups: answer.groups.map(({ id, hits }) => ({
      id,
      hits: hits.map((hit) => showHit(of.call, hit, fields)),
    })),
  };
}

async function toOptions(
  of: Asked,
  fields: Omit<QueryFields, 'offset'>,
): Promise<Omit<QueryOptions, 'offset' | 'mmr' | 'why'>> {
  const [by, filter] = [await toBy(of, fields.query), fromQdrantFilter(fields.filter)];
  return {
    by,
    limit: fields.limit,
    filter,
    scoreThreshold: fields.score_threshold,
    exact: fields.params?.exact,
    ef: fields.params?.hnsw_ef,
    withVector: fields.with_vector,
    signal: of.call.stop.signalOf({ by, filter }),
  };
}

async function toBy(of: Asked, query: QueryInput): Promise<QueryBy> {
  if (typeof query === 'object' && 'recommend' in query) {
    const { positive, negative, strategy } = query.recommend;
    const read = (list: readonly ExampleInput[], side: string) =>
      Promise.all(list.map((one, i) => toExample(of, one, `query.recommend.${side}[${i}]`)));
    return {
      recommend: {
        positive: await read(positive, 'positive'),
        negative: negative && (await read(negative, 'negative')),
        strategy,
      },
    };
  }
  const nearest = typeof query === 'object' && 'nearest' in query ? query.nearest : query;
  const example = await toExample(of, nearest, 'query');
  if (typeof example === 'string') return { id: example };
  return example instanceof Float32Array ? { vector: example } : example;
}

async function toExample(of: Asked, one: ExampleInput, field: string): Promise<Example> {
  if (typeof one === 'string' || one instanceof Float32Array) return one;
  const { model } = of.collection.info;
  if (one.model !== undefined && one.model !== model) {
    const expected = model === null ? 'no model' : `the collection's own, "${model}"`;
    const details = { field: `${field}.model`, expected, received: one.model };
    const message = `${field}.model: expected ${expected}, received "${one.model}"`;
    throw new AttractorError('invalid_argument', message, details);
  }
  const { signal } = of.call.stop;
  return { image: await of.images.read({ source: one.image, field: `${field}.image`, signal }) };
}

function showHit({ params }: Call, { score, item }: Hit, shown: ShownFields): object {
  const { id, payload, vector } = showPoint(params.collection!, item, shown);
  // Points are not numbered by their changes.
  return { id, version: 0, score, payload, vector };
}

/** With Qdrant's names in its errors. */
function named<T>(answer: Promise<T>): Promise<T> {
  return answer.catch((error: unknown) => {
    throw withoutPrefix(error, 'by', 'query');
  });
}

function inSearch<T>(i: number, answer: Promise<T>): Promise<T> {
  return answer.catch((error: unknown) => {
    throw withoutPrefix(error, '', `searches[${i}].`);
  });
}
