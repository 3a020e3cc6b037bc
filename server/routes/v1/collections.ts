// /v1/collections and /v1/collections/{collection}

import type { Catalogue, RecallReport } from '../../../src/catalogue/types.ts';
import type { Route } from '../../http/route.ts';
import { parse } from '../../http/validate.ts';
import { collectionName, createCollection } from '../../schemas/collections.ts';

export function collectionRoutes({ catalogue }: { catalogue: Catalogue }): Route[] {
  const path = '/v1/collections/:collection';
  return [
    {
      method: 'get',
      path: '/v1/collections',
      handle: () => ({ result: { collections: catalogue.list() } }),
    },
    {
      method: 'get',
      path,
      handle({ params }) {
        const { info, recall } = catalogue.collection(params.collection!);
        return { result: { ...info, recall: showRecall(recall) } };
      },
    },
    {
      method: 'put',
      path,
      once: true,
      reads: 'json',
      async handle({ params, fields }) {
        const { collection: name } = parse(collectionName, params);
        const { model } = parse(createCollection, fields);
        const collection = await catalogue.createCollection({ name, model });
        return { result: collection.info };
      },
    },
    {
      method: 'delete',
      path,
      once: true,
      handle({ params }) {
        catalogue.dropCollection(params.collection!);
        return { result: true };
      },
    },
  ];
}

function showRecall({ byFilter, byWidth, proposedEf }: RecallReport): object {
  return { by_filter: byFilter, by_width: byWidth, proposed_ef: proposedEf ?? null };
}
