// /v1/collections/{collection}/query, /query/groups, /query/batch and /recommend

import type { Catalogue } from '../../../../src/catalogue/types.ts';
import { withoutPrefix } from '../../../../src/errors/error.ts';
import { createImageReader, type ImageReading } from '../../../http/image.ts';
import { writeList } from '../../../http/json.ts';
import { fromText, merge } from '../../../http/options.ts';
import type { Call, Route } from '../../../http/route.ts';
import { parse } from '../../../http/validate.ts';
import {
  batchBody,
  groupsBody,
  queryBody,
  recommendBody,
  uploadGroupOptions,
  uploadOptions,
} from '../../../schemas/query.ts';
import * as replies from '../../../schemas/replies.ts';
import { type Asking, asElement, askGroups, askHits, asReply, inTurns } from './asked.ts';

export function queryRoutes(options: ImageReading & { catalogue: Catalogue }): Route[] {
  const { catalogue } = options;
  const collection = '/v1/collections/:collection';
  const asking = ({ params, image, stop }: Call): Asking => {
    const name = params.collection!;
    const images = createImageReader(options);
    return { name, collection: catalogue.collection(name), images, stop, image };
  };
  return [
    {
      method: 'post',
      path: `${collection}/query`,
      reads: 'json or upload',
      query: true,
      doc: {
        summary: 'The items most like an image, an item, a vector or examples',
        query: uploadOptions,
        body: queryBody,
        form: uploadOptions,
        result: replies.pointsOrCrops,
        beside: replies.account,
      },
      scope: 'search',
      async handle(call) {
        const of = asking(call);
        const fields = allFields(call);
        return asReply(
          await askHits(of, call.image ? parse(uploadOptions, fields) : parse(queryBody, fields)),
        );
      },
    },
    {
      method: 'post',
      path: `${collection}/query/groups`,
      reads: 'json or upload',
      query: true,
      doc: {
        summary: 'The products most like it, each with its best items',
        query: uploadGroupOptions,
        body: groupsBody,
        form: uploadGroupOptions,
        result: replies.groupsOrCrops,
        beside: replies.account,
      },
      scope: 'search',
      async handle(call) {
        const of = asking(call);
        const fields = allFields(call);
        return asReply(
          await askGroups(of, call.image ? parse(uploadGroupOptions, fields) : parse(groupsBody, fields)),
        );
      },
    },
    {
      method: 'post',
      path: `${collection}/query/batch`,
      reads: 'json',
      doc: { summary: 'Many queries at once', body: batchBody, result: replies.batch },
      scope: 'search',
      async handle(call) {
        const of = asking(call);
        const { searches } = parse(batchBody, call.fields);
        const answers = await inTurns(searches, (search, i) =>
          askHits(of, search).catch((error: unknown) => {
            throw withoutPrefix(error, '', `searches[${i}].`);
          }),
        );
        return { result: writeList(answers.map(asElement)) };
      },
    },
    {
      method: 'post',
      path: `${collection}/recommend`,
      reads: 'json',
      doc: {
        summary: 'The items most like good examples, and unlike bad ones',
        body: recommendBody,
        result: replies.points,
        beside: replies.account,
      },
      scope: 'search',
      async handle(call) {
        const of = asking(call);
        const { positive, negative, strategy, ...rest } = parse(recommendBody, call.fields);
        const asked = askHits(of, { ...rest, recommend: { positive, negative, strategy } });
        return asReply(
          await asked.catch((error: unknown) => {
            throw withoutPrefix(error, 'recommend.');
          }),
        );
      },
    },
  ];
}

function allFields({ fields, query, image }: Call): unknown {
  return merge({
    fields: image ? fromText(fields as Record<string, unknown>) : fields,
    query: fromText(query),
  });
}
