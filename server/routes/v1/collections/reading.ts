// /v1/collections/{collection}/scroll, /count and /facet

import type { Catalogue, Collection } from '../../../../src/catalogue/types.ts';
import type { Route } from '../../../http/route.ts';
import { parse } from '../../../http/validate.ts';
import { countBody, facetBody, scrollBody } from '../../../schemas/reading.ts';
import * as replies from '../../../schemas/replies.ts';
import { showPoint } from '../shape.ts';

export function readingRoutes({ catalogue }: { catalogue: Catalogue }): Route[] {
  const path = '/v1/collections/:collection';
  return [
    {
      method: 'post',
      path: `${path}/scroll`,
      reads: 'json',
      scope: 'search',
      doc: {
        summary: 'Items page by page',
        body: scrollBody,
        bodyOptional: true,
        result: replies.page,
        beside: { warnings: replies.warnings },
      },
      async handle({ params, fields }) {
        const name = params.collection!;
        const collection = catalogue.collection(name);
        const { filter, limit, offset, ...shown } = parse(scrollBody, fields);
        const { with_payload: withPayload, with_vector: withVector } = shown;
        const { items, next } = await collection.scroll({ filter, limit, offset, withVector });
        const points = items.map((item) => showPoint({ collection: name, item, withPayload }));
        return { result: { points, next_page_offset: next ?? null }, ...warned(collection, { filter }) };
      },
    },
    {
      method: 'post',
      path: `${path}/count`,
      reads: 'json',
      scope: 'search',
      doc: {
        summary: 'How many items pass',
        body: countBody,
        bodyOptional: true,
        result: replies.counted,
        beside: { warnings: replies.warnings },
      },
      async handle({ params, fields }) {
        const collection = catalogue.collection(params.collection!);
        const { filter } = parse(countBody, fields);
        return { result: { count: await collection.count({ filter }) }, ...warned(collection, { filter }) };
      },
    },
    {
      method: 'post',
      path: `${path}/facet`,
      reads: 'json',
      scope: 'search',
      doc: {
        summary: 'The values of an attribute and their counts',
        body: facetBody,
        result: replies.facet,
        beside: { warnings: replies.warnings },
      },
      async handle({ params, fields, stop }) {
        const collection = catalogue.collection(params.collection!);
        const { key, filter, limit } = parse(facetBody, fields);
        const hits = await collection.facet({ key, filter, limit, signal: stop.signal });
        return { result: { hits }, ...warned(collection, { filter, facet: key }) };
      },
    },
  ];
}

/** Beside the result, where there is something to be told. */
function warned(collection: Collection, asked: Parameters<Collection['warnings']>[0]) {
  const warnings = collection.warnings(asked);
  return warnings.length > 0 ? { warnings } : {};
}
