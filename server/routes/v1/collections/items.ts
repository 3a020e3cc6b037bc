// /v1/collections/{collection}/items: of many items at once. One item is item.ts.

import type { UpsertResult } from '../../../../src/catalogue/types.ts';
import { isInside } from '../../../../src/errors/error.ts';
import type { Logger } from '../../../../src/errors/log.ts';
import type { Tasks } from '../../../../src/tasks/tasks.ts';
import { answered } from '../../../http/idempotency.ts';
import type { ImageReading } from '../../../http/image.ts';
import { fromText } from '../../../http/options.ts';
import type { Route } from '../../../http/route.ts';
import { parse } from '../../../http/validate.ts';
import { deleteItems, deleteOptions, patchItems, upsertItems, waitOption } from '../../../schemas/items.ts';
import * as replies from '../../../schemas/replies.ts';
import { task } from '../../../schemas/task-replies.ts';
import { showUpsert } from '../shape.ts';
import { type ItemOptions, oneItemRoutes } from './item.ts';
import { upsertRead } from './upsert.ts';
import { upsertLater } from './upsert-later.ts';

export function itemRoutes(options: ItemOptions & ImageReading & { tasks: Tasks; logger: Logger }): Route[] {
  const { catalogue, tasks, limits, logger } = options;
  const items = '/v1/collections/:collection/items';
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
            if (error && isInside(error)) {
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
    ...oneItemRoutes(options),
  ];
}

const plain = (result: object) => ({ result });
