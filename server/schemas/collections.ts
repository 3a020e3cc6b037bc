import { z } from 'zod';
import { strict } from '../http/validate.ts';
import { name } from './common.ts';

export const collectionName = strict({ collection: name });

/** Body of PUT /v1/collections/{collection}; the whole body may be missing. */
export const createCollection = strict({
  model: z
    .string()
    .regex(/^[\w.-]{1,64}$/, 'the name of a model folder')
    .optional(),
}).default({});
