// /v1/collections and /v1/collections/{collection}

import { z } from 'zod';
import type { Catalogue, CollectionInfo, RecallReport } from '../../../src/catalogue/types.ts';
import { answered } from '../../http/idempotency.ts';
import type { Route } from '../../http/route.ts';
import { parse } from '../../http/validate.ts';
import { collectionName, createCollection } from '../../schemas/collections.ts';
import * as replies from '../../schemas/replies.ts';

export function collectionRoutes({ catalogue }: { catalogue: Catalogue }): Route[] {
  const path = '/v1/collections/:collection';
  return [
    {
      method: 'get',
      path: '/v1/collections',
      doc: { summary: 'All collections', result: replies.collectionList },
      scope: 'search',
      ownCollections: true,
      handle: ({ mayUse }) => ({
        result: { collections: catalogue.list().filter(({ name }) => mayUse(name)) },
      }),
    },
    {
      method: 'get',
      path,
      doc: { summary: 'One collection, and the live audit of its recall', result: replies.collection },
      handle({ params }) {
        const { info, recall } = catalogue.collection(params.collection!);
        return { result: { ...info, recall: showRecall(recall) } };
      },
    },
    {
      method: 'put',
      path,
      once: true,
      scope: 'admin',
      reads: 'json',
      doc: {
        summary: 'Make a collection',
        params: collectionName,
        body: createCollection,
        bodyOptional: true,
        result: replies.collectionInfo,
      },
      handle({ params, fields, record }) {
        const { collection: name } = parse(collectionName, params);
        const { model, dimension } = parse(createCollection, fields);
        return answered(
          record,
          (info: CollectionInfo) => ({ result: info }),
          (onWritten) => catalogue.createCollection({ name, model, dimension, onWritten }),
        );
      },
    },
    {
      method: 'delete',
      path,
      once: true,
      doc: { summary: 'Delete a collection with all its items', result: z.literal(true) },
      scope: 'admin',
      handle({ params, record }) {
        return answered(
          record,
          () => ({ result: true }),
          (onWritten) => catalogue.dropCollection(params.collection!, { onWritten }),
        );
      },
    },
  ];
}

function showRecall({ byFilter, byWidth, proposedEf }: RecallReport): object {
  return { by_filter: byFilter, by_width: byWidth, proposed_ef: proposedEf ?? null };
}
