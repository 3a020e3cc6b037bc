// Bodies and options of the item routes.

import { z } from 'zod';
import { isEmpty } from '../../src/filter/json.ts';
import { strict } from '../http/validate.ts';
import { attributes, changedAttributes, id, image, tags, vector } from './common.ts';
import { filter } from './query.ts';

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
/** Without a condition it is some client's mistake, and would be the end of all items. */
const CONDITION = 'a filter with at least one condition (to be rid of all items, delete the collection)';
const someCondition = ({ filter: value }: { filter?: unknown }) =>
  typeof value !== 'object' || value === null || !isEmpty(value);
const selected = { ids: z.array(id, MANY).min(1, MANY).max(10_000, MANY).optional(), filter };
const SELECTED = 'exactly one of ids and filter';
const oneSelection = (value: { ids?: unknown; filter?: unknown }) =>
  (value.ids === undefined) !== (value.filter === undefined);

export const deleteItems = strict(selected)
  .refine(oneSelection, SELECTED)
  .refine(someCondition, { path: ['filter'], error: CONDITION });

/** What changes; null takes an attribute or all tags away, and gives the item its own id as its group. */
const change = {
  group: id.nullable().optional(),
  tags: tags.nullable().optional(),
  attributes: changedAttributes.optional(),
};
const CHANGE = 'at least one of group, tags and attributes';
const someChange = (value: object) => Object.keys(change).some((key) => Object.hasOwn(value, key));

export const patchItem = strict(change).refine(someChange, CHANGE);
export const patchItems = strict({ ...selected, ...change })
  .refine(oneSelection, SELECTED)
  .refine(someCondition, { path: ['filter'], error: CONDITION })
  .refine(someChange, CHANGE);

/** False: as a task. */
export const waitOption = strict({ wait: z.boolean('true or false').default(true) });

/** It is always waited for; who says so is right. */
export const deleteOptions = strict({
  wait: z.literal(true, 'true, as deletes are always waited for').default(true),
});
