// Bodies and options of the item routes.

import { z } from 'zod';
import { strict } from '../http/validate.ts';
import { attributes, id, image, tags, vector } from './common.ts';

/** What describes an item beside its id and its picture. */
const facts = { group: id.optional(), tags: tags.optional(), attributes: attributes.optional() };

const item = strict({ id, image: image.optional(), vector: vector.optional(), ...facts }).refine(
  (value) => (value.image === undefined) !== (value.vector === undefined),
  'exactly one of image and vector',
);

export const upsertItems = (limit: number) => {
  const expected = `1 to ${limit} items`;
  return strict({ items: z.array(item, expected).min(1, expected).max(limit, expected) });
};

export const itemAddress = strict({ collection: z.string(), id });

/** The form of an upload beside its file; `item` is JSON. */
export const uploadItem = strict({ item: strict(facts).default({}) });

export const getItem = strict({ with_vector: z.boolean('true or false').default(false) });

const MANY = '1 to 10000 ids';
export const deleteItems = strict({ ids: z.array(id, MANY).min(1, MANY).max(10_000, MANY) });

/** False: as a task. */
export const waitOption = strict({ wait: z.boolean('true or false').default(true) });

/** It is always waited for; who says so is right. */
export const deleteOptions = strict({
  wait: z.literal(true, 'true, as deletes are always waited for').default(true),
});
