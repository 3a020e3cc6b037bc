import { z } from 'zod';
import { strict } from '../http/validate.ts';
import { integer, name } from './common.ts';

export const collectionName = strict({ collection: name });

/** Body of PUT /v1/collections/{collection}; the whole body may be missing. */
export const createCollection = strict({
  model: z
    .string()
    .regex(/^[\w.-]{1,64}$/, 'the name of a model folder')
    .optional(),
  /** Of the vectors that it will be given: a collection without a model. */
  dimension: integer(1, 8192).optional(),
})
  .refine(
    ({ model, dimension }) => model === undefined || dimension === undefined,
    'either model or dimension',
  )
  .default({});
