// /v1/collections/{collection}/items/{id} and its picture. Many items at once are items.ts.

import type { PatchResult } from '../../../../src/catalogue/patch.ts';
import type { Catalogue, UpsertResult } from '../../../../src/catalogue/types.ts';
import { withoutPrefix } from '../../../../src/errors/error.ts';
import { answered } from '../../../http/idempotency.ts';
import { fromJson, fromText } from '../../../http/options.ts';
import type { Route } from '../../../http/route.ts';
import { parse } from '../../../http/validate.ts';
import { getItem, itemAddress, patchItem, uploadItem } from '../../../schemas/items.ts';
import * as replies from '../../../schemas/replies.ts';
import { showItem, showUpsert } from '../shape.ts';

export interface ItemOptions {
  readonly catalogue: Catalogue;
  /** Pictures without a key, for a shop's pages. */
  readonly publicImages?: boolean;
}

export function oneItemRoutes({ catalogue, publicImages }: ItemOptions): Route[] {
  const item = '/v1/collections/:collection/items/:id';
  return [
    {
      method: 'put',
      path: item,
      reads: 'upload',
      once: true,
      doc: {
        summary: 'Add or replace an item by upload',
        params: itemAddress,
        form: uploadItem,
        result: replies.upsertResult,
      },
      handle({ params, fields, image, stop, record }) {
        const collection = catalogue.collection(params.collection!);
        const { id } = parse(itemAddress, params);
        const { item: facts } = parse(uploadItem, form(fields));
        const show = ([result]: UpsertResult[]) => {
          // One item, so its failure is the answer's failure.
          if (result?.error) throw withoutPrefix(result.error, 'items[0].');
          return { result: showUpsert(result!) };
        };
        const items = [{ id, image, ...facts }];
        return answered(record, show, (onWritten) =>
          collection.upsert({ items, signal: stop.signal, onWritten }),
        );
      },
    },
    {
      method: 'get',
      path: item,
      query: true,
      doc: { summary: 'One item', query: getItem, result: replies.item },
      handle({ params, query }) {
        const collection = catalogue.collection(params.collection!);
        const { with_vector: withVector } = parse(getItem, fromText(query), 'query');
        return { result: showItem(params.collection!, collection.get({ id: params.id!, withVector })) };
      },
    },
    {
      method: 'patch',
      path: item,
      once: true,
      reads: 'json',
      doc: {
        summary: 'Change attributes, tags and group of an item',
        params: itemAddress,
        body: patchItem,
        result: replies.patchedItem,
      },
      handle({ params, fields, record }) {
        const collection = catalogue.collection(params.collection!);
        const { id } = parse(itemAddress, params);
        const change = parse(patchItem, fields);
        // An item that is not there is this answer's failure.
        collection.get({ id });
        const show = ({ updated }: PatchResult) => ({
          result: { id, status: updated === 1 ? 'updated' : 'unchanged' },
        });
        return answered(record, show, (onWritten) => collection.patch({ ids: [id], ...change, onWritten }));
      },
    },
    {
      method: 'delete',
      path: item,
      once: true,
      doc: { summary: 'Delete an item', result: replies.deleted },
      handle({ params, record }) {
        const collection = catalogue.collection(params.collection!);
        return answered(
          record,
          (result) => ({ result }),
          (onWritten) => collection.delete({ ids: [params.id!], onWritten }),
        );
      },
    },
    {
      method: 'get',
      path: `${item}/image`,
      doc: { summary: 'The picture of an item, as it was sent', media: { 'image/*': undefined } },
      scope: publicImages ? 'open' : 'search',
      handle({ params }) {
        const { bytes, mime, hash } = catalogue.collection(params.collection!).image({ id: params.id! });
        return {
          bytes,
          headers: {
            'Content-Type': mime,
            ETag: `"${hash}"`,
            'Cache-Control': 'public, max-age=300',
            // A shop's page lives on another origin and shows these pictures.
            'Cross-Origin-Resource-Policy': 'cross-origin',
          },
        };
      },
    },
  ];
}

function form(fields: unknown): object {
  const { item, ...rest } = fields as Record<string, unknown>;
  return item === undefined ? rest : { ...rest, item: fromJson(item) };
}
