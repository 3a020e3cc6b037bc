// Payloads as the metadata of items, and back. Attributes are typed scalars, so a payload is flat; `tags` is the one list,
// and `group` the product that the item belongs to. Both are in the payload only where they were given.

import type { AttributeValue, Item } from '../../src/catalogue/types.ts';
import { AttractorError } from '../../src/errors/error.ts';
import { describe } from '../http/validate.ts';
import { imageUrl } from '../routes/v1/shape.ts';

export interface Metadata {
  readonly attributes?: Record<string, AttributeValue | null>;
  readonly tags?: string[] | null;
  readonly group?: string | null;
}

type Payload = Readonly<Record<string, unknown>>;

/** Null takes a value away. Throws `invalid_argument` for what is none of these, naming it under `at`. */
export function toMetadata(payload: Payload, at: string): Metadata {
  const { tags, group, ...attributes } = payload;
  const place = (key: string) => `${at}.${key}`;
  const strings = Array.isArray(tags) && tags.every((tag) => typeof tag === 'string');
  if (tags !== undefined && tags !== null && !strings)
    throw wrong(place('tags'), 'an array of strings', tags);
  if (group !== undefined && group !== null && typeof group !== 'string') {
    throw wrong(place('group'), 'a string', group);
  }
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) continue;
    throw wrong(place(key), 'a string, a number, true, false or null (a list only as "tags")', value);
  }
  return {
    attributes: attributes as Record<string, AttributeValue | null>,
    ...(tags !== undefined && { tags: tags as string[] | null }),
    ...(group !== undefined && { group: group as string | null }),
  };
}

/** Of a new point: what is null is not there. */
export function toItemMetadata(payload: Payload, at: string) {
  const { attributes = {}, tags, group } = toMetadata(payload, at);
  const given = Object.entries(attributes).filter(([, value]) => value !== null);
  return {
    attributes: Object.fromEntries(given) as Record<string, AttributeValue>,
    tags: tags ?? undefined,
    group: group ?? undefined,
  };
}

/** The keys to take away, as changes. */
export function withoutKeys(keys: readonly string[]): Metadata {
  return toMetadata(Object.fromEntries(keys.map((key) => [key, null])), 'keys');
}

export type PayloadSelector = boolean | { readonly include?: string[]; readonly exclude?: string[] };

/** Undefined where none is wanted. */
export function showPayload(collection: string, item: Item, wanted: PayloadSelector): Payload | undefined {
  if (wanted === false) return undefined;
  const { id, group, tags, attributes, imageHash } = item;
  const payload: Payload = {
    ...attributes,
    ...(tags.length > 0 && { tags }),
    ...(group !== id && { group }),
    ...(imageHash !== undefined && { image: imageUrl(collection, id) }),
  };
  if (wanted === true) return payload;
  const { include, exclude = [] } = wanted;
  const kept = Object.entries(payload).filter(
    ([key]) => (include === undefined || include.includes(key)) && !exclude.includes(key),
  );
  return Object.fromEntries(kept);
}

function wrong(field: string, expected: string, value: unknown): AttractorError {
  const received = describe(value);
  const details = { field, expected, received };
  return new AttractorError(
    'invalid_argument',
    `${field}: expected ${expected}, received ${received}`,
    details,
  );
}
