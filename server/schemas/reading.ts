// Bodies of scroll, count and facet: what reads a collection without a query.

import { z } from 'zod';
import { strict } from '../http/validate.ts';
import { id, integer } from './common.ts';
import { filter, key } from './query.ts';

const flag = z.boolean('true or false');

/** All three may be empty but for the facet's key. */
export const scrollBody = strict({
  filter,
  limit: integer(1, 1000).optional(),
  offset: id.optional(),
  with_payload: flag.default(true),
  with_vector: flag.default(false),
}).default({ with_payload: true, with_vector: false });

/** `exact` is Qdrant's; every count is. */
export const countBody = strict({ filter, exact: flag.optional() }).default({});

export const facetBody = strict({ key, filter, limit: integer(1, 1000).optional(), exact: flag.optional() });
