// /v1/collections/{collection}/query and /query/groups

import type {
  Catalogue,
  Explanation,
  GroupQueryOptions,
  QueryAnswer,
  QueryBy,
  QueryTiming,
} from '../../../../src/catalogue/types.ts';
import { withoutPrefix } from '../../../http/error-handler.ts';
import { createImageReader, type ImageReading } from '../../../http/image.ts';
import { fromText, merge } from '../../../http/options.ts';
import type { Call, Route } from '../../../http/route.ts';
import { parse } from '../../../http/validate.ts';
import {
  type CommonFields,
  type GroupsFields,
  groupsBody,
  queryBody,
  uploadGroupOptions,
  uploadOptions,
} from '../../../schemas/query.ts';
import * as replies from '../../../schemas/replies.ts';
import { showHit } from '../shape.ts';

export function queryRoutes(options: ImageReading & { catalogue: Catalogue }): Route[] {
  const { catalogue } = options;
  const path = '/v1/collections/:collection/query';
  return [
    {
      method: 'post',
      path,
      reads: 'json or upload',
      query: true,
      doc: {
        summary: 'The items most like an image, an item, a vector or examples',
        query: uploadOptions,
        body: queryBody,
        form: uploadOptions,
        result: replies.points,
        beside: replies.account,
      },
      scope: 'search',
      async handle(call) {
        const name = call.params.collection!;
        const collection = catalogue.collection(name);
        const fields = allFields(call);
        const asked = call.image ? parse(uploadOptions, fields) : parse(queryBody, fields);
        const { offset, mmr } = asked;
        const answer = await named(
          collection.query({
            ...(await toOptions(call, asked)),
            offset,
            mmr: mmr && { diversity: mmr.diversity, candidates: mmr.candidates_limit },
          }),
        );
        const points = answer.hits.map((hit) =>
          showHit({ collection: name, hit, withPayload: asked.with_payload }),
        );
        return { result: { points }, ...account(answer) };
      },
    },
    {
      method: 'post',
      path: `${path}/groups`,
      reads: 'json or upload',
      query: true,
      doc: {
        summary: 'The products most like it, each with its best items',
        query: uploadGroupOptions,
        body: groupsBody,
        form: uploadGroupOptions,
        result: replies.groups,
        beside: replies.account,
      },
      scope: 'search',
      async handle(call) {
        const name = call.params.collection!;
        const collection = catalogue.collection(name);
        const fields = allFields(call);
        const asked = call.image ? parse(uploadGroupOptions, fields) : parse(groupsBody, fields);
        const answer = await named(
          collection.queryGroups({ ...(await toOptions(call, asked)), groupSize: asked.group_size }),
        );
        const groups = answer.groups.map(({ id, hits }) => ({
          id,
          hits: hits.map((hit) => showHit({ collection: name, hit, withPayload: asked.with_payload })),
        }));
        return { result: { groups }, ...account(answer) };
      },
    },
  ];

  async function toOptions(call: Call, asked: CommonFields | GroupsFields): Promise<GroupQueryOptions> {
    return {
      by: call.image ? { image: call.image } : await toBy(call, asked as GroupsFields),
      limit: asked.limit,
      filter: asked.filter,
      explain: asked.params.explain,
      scoreThreshold: asked.score_threshold,
      exact: asked.params.exact,
      ef: asked.params.hnsw_ef,
      withVector: asked.with_vector,
      signal: call.signal,
    };
  }

  async function toBy(call: Call, fields: GroupsFields): Promise<QueryBy> {
    const { image, id, vector, query, recommend } = fields;
    if (recommend !== undefined) return { recommend };
    if (typeof query === 'object' && 'recommend' in query) return { recommend: query.recommend };
    if (image !== undefined) {
      const { signal } = call;
      return { image: await createImageReader(options).read({ source: image, field: 'image', signal }) };
    }
    const itemId = id ?? (typeof query === 'string' ? query : undefined);
    return itemId === undefined ? { vector: vector ?? (query as Float32Array) } : { id: itemId };
  }
}

/** With the API's names in its errors. */
function named<T>(answer: Promise<T>): Promise<T> {
  return answer.catch((error: unknown) => {
    throw withoutPrefix(error, 'by.');
  });
}

function allFields({ fields, query, image }: Call): unknown {
  return merge({
    fields: image ? fromText(fields as Record<string, unknown>) : fields,
    query: fromText(query),
  });
}

function account({ timing, explanation }: Pick<QueryAnswer, 'timing' | 'explanation'>): object {
  return { timing: showTiming(timing), ...(explanation && { explanation: showExplanation(explanation) }) };
}

function showTiming({ embed, search }: QueryTiming): object {
  return { embed_ms: round(embed), search_ms: round(search) };
}

function showExplanation({ timing, ...rest }: Explanation): object {
  return { ...rest, timing: { ...showTiming(timing), filter_ms: round(timing.filter) } };
}

const round = (ms: number) => Math.round(ms * 1000) / 1000;
