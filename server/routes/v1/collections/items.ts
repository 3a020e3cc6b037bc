// /v1/collections/{collection}/items and below

import type { PatchResult } from '../../../../src/catalogue/patch.ts';
import type { Catalogue, UpsertResult } from '../../../../src/catalogue/types.ts';
import { withoutPrefix } from '../../../../src/errors/error.ts';
import type { Logger } from '../../../../src/errors/log.ts';
import type { Tasks } from '../../../../src/tasks/tasks.ts';
import { errorBody } from '../../../http/error-handler.ts';
import { answered } from '../../../http/idempotency.ts';
import type { ImageReading } from '../../../http/image.ts';
import { fromJson, fromText } from '../../../http/options.ts';
import type { Route } from '../../../http/route.ts';
import { parse } from '../../../http/validate.ts';
import {
  deleteItems,
  deleteOptions,
  getItem,
  itemAddress,
  patchItem,
  patchItems,
  uploadItem,
  upsertItems,
  waitOption,
} from '../../../schemas/items.ts';
import * as replies from '../../../schemas/replies.ts';
import { task } from '../../../schemas/task-replies.ts';
import { showItem } from '../shape.ts';
import { upsertRead } from './upsert.ts';
import { upsertLater } from './upsert-later.ts';

export function itemRoutes(
  options: ImageReading & {
    catalogue: Catalogue;
    tasks: Tasks;
    logger: Logger;
    /** Pictures without a key, for a shop's pages. */
    publicImages?: boolean;
  },
): Route[] {
  const { catalogue, tasks, limits, logger } = options;
  const items = '/v1/collections/:collection/items';
  const item = `${items}/:id`;
  const upsertBody = upsertItems(limits.itemsPerCall);
  return [
    {
      method: 'put',
      path: items,
      reads: 'json',
      query: true,
      once: true,
      doc: {
        summary: 'Add or replace items',
        query: waitOption,
        body: upsertBody,
        result: replies.upsertResults,
        accepted: task,
      },
      async handle({ params, query, fields, stop, requestId, record }) {
        const collection = catalogue.collection(params.collection!);
        const { wait } = parse(waitOption, fromText(query), 'query');
        if (!wait)
          return upsertLater({ collection, tasks, body: upsertBody, fields, signal: stop.signal, record });
        const { items } = parse(upsertBody, fields);
        const show = (results: UpsertResult[]) => {
          // The answer is a 200: what failed on our side would otherwise be in no log.
          for (const { id, error } of results) {
            if (error && error.status >= 500) {
              logger.error({ request_id: requestId, item: id, code: error.code, err: error }, error.message);
            }
          }
          return { result: { items: results.map(showUpsert) } };
        };
        return answered(record, show, (onWritten) =>
          upsertRead({ collection, items, images: options, signal: stop.signal, onWritten }),
        );
      },
    },
    {
      method: 'post',
      path: `${items}/delete`,
      reads: 'json',
      query: true,
      once: true,
      doc: {
        summary: 'Delete items by id or by filter',
        query: deleteOptions,
        body: deleteItems,
        result: replies.deleted,
      },
      handle({ params, query, fields, stop, record, steps }) {
        const collection = catalogue.collection(params.collection!);
        parse(deleteOptions, fromText(query), 'query');
        const { ids, filter } = parse(deleteItems, fields);
        return answered(record, plain, (onWritten) =>
          ids
            ? collection.delete({ ids, onWritten })
            : collection.deleteByFilter({ filter: filter!, signal: stop.signal, onWritten, ...steps }),
        );
      },
    },
    {
      method: 'post',
      path: `${items}/patch`,
      reads: 'json',
      once: true,
      doc: {
        summary: 'Change attributes, tags and groups of items by id or by filter',
        body: patchItems,
        result: replies.patched,
      },
      handle({ params, fields, stop, record, steps }) {
        const collection = catalogue.collection(params.collection!);
        const change = parse(patchItems, fields);
        return answered(record, plain, (onWritten) =>
          collection.patch({ ...change, signal: stop.signal, onWritten, ...steps }),
        );
      },
    },
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
        return answered(record, plain, (onWritten) => collection.delete({ ids: [params.id!], onWritten }));
      },
    },
    {
      method: 'get',
      path: `${item}/image`,
      doc: { summary: 'The picture of an item, as it was sent', media: { 'image/*': undefined } },
      scope: options.publicImages ? 'open' : 'search',
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

const plain = (result: object) => ({ result });

function form(fields: unknown): object {
  const { item, ...rest } = fields as Record<string, unknown>;
  return item === undefined ? rest : { ...rest, item: fromJson(item) };
}

function showUpsert({ id, status, error }: UpsertResult): object {
  return { id, status, ...(error && { error: errorBody(error) }) };
}
