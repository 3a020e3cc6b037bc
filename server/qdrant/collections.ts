// Collections as Qdrant writes them: /collections and below, but for points.

import type { Catalogue } from '../../src/catalogue/types.ts';
import { AttractorError } from '../../src/errors/error.ts';
import type { Reply, Route } from '../http/route.ts';
import { parse } from '../http/validate.ts';
import { aliasRoutes } from '../routes/v1/aliases.ts';
import { collectionName } from '../schemas/collections.ts';
import { createCollection, createIndex, urlOptions } from './schemas.ts';

const path = '/collections/:collection';

/** Ours are Qdrant's, under other paths. */
export function qdrantAliasRoutes(options: { catalogue: Catalogue }): Route[] {
  return aliasRoutes(options).map((route) => ({
    ...route,
    path: route.path.replace('/v1', ''),
    query: true,
    handle(call) {
      parse(urlOptions, call.query, 'query');
      return route.handle(call);
    },
  }));
}

export function collectionRoutes({ catalogue }: { catalogue: Catalogue }): Route[] {
  const route = (
    method: Route['method'],
    path: string,
    handle: (name: string, fields: unknown) => unknown,
  ): Route => ({
    method,
    path,
    ...(method === 'put' && { reads: 'json' }),
    ...(method !== 'get' && { scope: 'admin' }),
    query: true,
    async handle({ params, fields, query }): Promise<Reply> {
      parse(urlOptions, query, 'query');
      return { result: await handle(params.collection!, fields) };
    },
  });
  return [
    {
      method: 'get',
      path: '/collections',
      ownCollections: true,
      handle({ mayUse }) {
        const own = catalogue.list().filter(({ name }) => mayUse(name));
        return { result: { collections: own.map(({ name }) => ({ name })) } };
      },
    },
    route('get', path, (name) => describe(catalogue, name)),
    route('get', `${path}/exists`, (name) => ({ exists: exists(catalogue, name) })),
    route('put', path, async (collection, fields) => {
      const { collection: name } = parse(collectionName, { collection });
      const { vectors } = parse(createCollection, fields);
      await catalogue.createCollection({ name, dimension: vectors.size });
      return true;
    }),
    route('delete', path, (name) => {
      if (!exists(catalogue, name)) return false;
      catalogue.dropCollection(name);
      return true;
    }),
    // Every attribute can be filtered and counted as it is.
    { ...route('put', `${path}/index`, (name, fields) => indexed(name, fields)), scope: 'write' },
    { ...route('delete', `${path}/index/:field`, (name) => indexed(name)), scope: 'write' },
  ];

  function indexed(name: string, fields: unknown = { field_name: '' }): object {
    catalogue.collection(name);
    parse(createIndex, fields);
    return { operation_id: null, status: 'completed' };
  }
}

function exists(catalogue: Catalogue, name: string): boolean {
  try {
    catalogue.collection(name);
    return true;
  } catch (error) {
    if (error instanceof AttractorError && error.code === 'collection_not_found') return false;
    throw error;
  }
}

/** What clients look at; what belongs to Qdrant's own storage is as if it had one segment and one shard. */
function describe(catalogue: Catalogue, name: string): object {
  const { count, indexed, dimension, status } = catalogue.collection(name).info;
  return {
    status,
    optimizer_status: 'ok',
    points_count: count,
    indexed_vectors_count: indexed,
    segments_count: 1,
    config: {
      params: {
        vectors: { size: dimension, distance: 'Cosine' },
        shard_number: 1,
        replication_factor: 1,
        write_consistency_factor: 1,
        on_disk_payload: false,
      },
      hnsw_config: { m: 16, ef_construct: 200, full_scan_threshold: 10_000 },
      optimizer_config: {},
      wal_config: {},
      quantization_config: null,
    },
    payload_schema: {},
  };
}
