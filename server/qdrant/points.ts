// Points as Qdrant writes them: /collections/{collection}/points, and below it everything that is not a search.

import type { Catalogue, Collection, Item } from '../../src/catalogue/types.ts';
import { AttractorError, withoutPrefix } from '../../src/errors/error.ts';
import type { Call, Reply, Route } from '../http/route.ts';
import { parse } from '../http/validate.ts';
import { fromQdrantFilter } from './filter.ts';
import { showId } from './ids.ts';
import { type Metadata, showPayload, toItemMetadata, toMetadata, withoutKeys } from './payload.ts';
import {
  countPoints,
  deletePayload,
  facet,
  retrievePoints,
  type ShownFields,
  scrollPoints,
  selectPoints,
  setPayload,
  upsertPoints,
  urlOptions,
} from './schemas.ts';

/** Writes are durable when they are answered; they have no number. */
const COMPLETED = { operation_id: null, status: 'completed' };

export function pointRoutes({ catalogue }: { catalogue: Catalogue }): Route[] {
  type Handle = (collection: Collection, call: Call) => unknown;
  const route = (method: Route['method'], path: string, handle: Handle): Route => ({
    method,
    path: `/collections/:collection/points${path}`,
    ...(method !== 'get' && { reads: 'json' }),
    query: true,
    async handle(call): Promise<Reply> {
      parse(urlOptions, call.query, 'query');
      return { result: await handle(catalogue.collection(call.params.collection!), call) };
    },
  });
  const reading = (path: string, handle: Handle): Route => ({
    ...route('post', path, handle),
    scope: 'search',
  });
  const patching = (method: Route['method'], path: string, changeOf: (fields: unknown) => Change): Route =>
    route(method, path, async (collection, { fields, stop }) => {
      const { points: ids, filter, ...change } = changeOf(fields);
      await collection.patch({ ids, filter: fromQdrantFilter(filter), ...change, signal: stop.signal });
      return COMPLETED;
    });
  return [
    route('put', '', async (collection, { fields, stop }) => {
      await upsert(collection, parse(upsertPoints, fields), stop.signal);
      return COMPLETED;
    }),
    reading('', (collection, { params, fields }) => {
      const { ids, ...shown } = parse(retrievePoints, fields);
      return ids
        .map((id) => find(collection, id, shown.with_vector))
        .filter((item) => item !== undefined)
        .map((item) => showPoint(params.collection!, item, shown));
    }),
    route('post', '/delete', async (collection, { fields, stop }) => {
      const { points: ids, filter } = parse(selectPoints, fields);
      if (ids) collection.delete({ ids });
      else await collection.deleteByFilter({ filter: fromQdrantFilter(filter)!, signal: stop.signal });
      return COMPLETED;
    }),
    patching('post', '/payload', (fields) => {
      const { payload, ...selected } = parse(setPayload, fields);
      return { ...selected, ...toMetadata(payload, 'payload') };
    }),
    patching('put', '/payload', (fields) => {
      const { payload, ...selected } = parse(setPayload, fields);
      return { ...selected, ...toMetadata(payload, 'payload'), replace: true };
    }),
    patching('post', '/payload/delete', (fields) => {
      const { keys, ...selected } = parse(deletePayload, fields);
      return { ...selected, ...withoutKeys(keys) };
    }),
    patching('post', '/payload/clear', (fields) => ({ ...parse(selectPoints, fields), replace: true })),
    reading('/scroll', async (collection, { params, fields }) => {
      const { filter, limit, offset, ...shown } = parse(scrollPoints, fields);
      const page = { filter: fromQdrantFilter(filter), limit, offset, withVector: shown.with_vector };
      const { items, next } = await collection.scroll(page);
      return {
        points: items.map((item) => showPoint(params.collection!, item, shown)),
        next_page_offset: next === undefined ? null : showId(next),
      };
    }),
    reading('/count', async (collection, { fields }) => {
      const { filter } = parse(countPoints, fields);
      return { count: await collection.count({ filter: fromQdrantFilter(filter) }) };
    }),
    {
      ...reading('', async (collection, { fields, stop }) => {
        const { key, filter, limit } = parse(facet, fields);
        return {
          hits: await collection.facet({ key, filter: fromQdrantFilter(filter), limit, signal: stop.signal }),
        };
      }),
      path: '/collections/:collection/facet',
    },
    route('get', '/:id', (collection, { params }) => {
      const shown = { with_payload: true, with_vector: true };
      return showPoint(params.collection!, collection.get({ id: params.id!, withVector: true }), shown);
    }),
  ];
}

type Change = Metadata & { points?: string[]; filter?: unknown; replace?: boolean };

export function showPoint(collection: string, item: Item, shown: ShownFields) {
  return {
    id: showId(item.id),
    payload: showPayload(collection, item, shown.with_payload),
    vector: item.vector && Array.from(item.vector),
  };
}

/** All of them or none. */
async function upsert(
  collection: Collection,
  { points, batch }: ReturnType<typeof parse<typeof upsertPoints>>,
  signal: AbortSignal,
): Promise<void> {
  const given = points ?? rowsOf(batch!);
  const items = given.map(({ id, vector, payload }, i) => ({
    id,
    vector,
    ...toItemMetadata(payload ?? {}, `points[${i}].payload`),
  }));
  const results = await collection
    .upsert({ items, allOrNothing: true, signal })
    .catch((error: unknown) => Promise.reject(withoutPrefix(error, 'items', 'points')));
  const failed = results.find(({ error }) => error);
  if (failed) throw failed.error;
}

function rowsOf({
  ids,
  vectors,
  payloads,
}: NonNullable<ReturnType<typeof parse<typeof upsertPoints>>['batch']>) {
  for (const [field, list] of Object.entries({ vectors, payloads })) {
    if (!list || list.length === ids.length) continue;
    const details = { expected: `${ids.length} entries`, received: String(list.length) };
    const message = `batch.${field}: expected ${details.expected}, received ${details.received}`;
    throw new AttractorError('invalid_argument', message, { field: `batch.${field}`, ...details });
  }
  return ids.map((id, i) => ({ id, vector: vectors[i]!, payload: payloads?.[i] }));
}

function find(collection: Collection, id: string, withVector: boolean): Item | undefined {
  try {
    return collection.get({ id, withVector });
  } catch (error) {
    if (error instanceof AttractorError && error.code === 'item_not_found') return undefined;
    throw error;
  }
}
