// What may become an item: limits, one item at a time. Knows nothing of what is stored.

import { hash } from 'node:crypto';
import { AttractorError, invalid, refuseUnknown } from '../errors/error.ts';
import { normalised } from '../math/normalise.ts';
import type { AttributeValue, ItemInput } from './types.ts';

/** Lengths are in UTF-16 units. */
export const LIMITS = {
  id: 256,
  collectionName: 64,
  dimension: 8192,
  tags: 100,
  tag: 256,
  attributes: 100,
  attributeName: 128,
  attributeText: 4096,
  queryLimit: 1000,
  groupSize: 100,
  /** Offset and limit together. */
  depth: 10_000,
  examples: 100,
  ef: 10_000,
} as const;

/** An item that can be stored: defaults filled in, metadata as the JSON text that is stored and compared. */
export interface ValidItem {
  readonly id: string;
  readonly group: string;
  readonly tags: string;
  readonly attributes: string;
  /** Either this, with the SHA-256 (hex) of its bytes, */
  readonly image?: { readonly bytes: Uint8Array; readonly hash: string };
  /** or this, a unit vector. */
  readonly vector?: Float32Array;
}

/** Throws `invalid_argument`, `unknown_option` or `vector_dimension`, naming the field under `at` ("items[3]"). */
export function validItem(item: ItemInput, at: string, dimension: number): ValidItem {
  if (item === null || typeof item !== 'object') throw invalid(at, 'an item', item);
  refuseUnknown(item, ['id', 'group', 'image', 'vector', 'tags', 'attributes'], at);
  checkText(item.id, `${at}.id`, LIMITS.id);
  if (item.group !== undefined) checkText(item.group, `${at}.group`, LIMITS.id);
  if ((item.image === undefined) === (item.vector === undefined)) {
    throw invalid(at, 'exactly one of image and vector', item.image ? 'both' : 'neither');
  }
  return {
    id: item.id,
    group: item.group ?? item.id,
    tags: tagsText(item.tags ?? [], `${at}.tags`),
    attributes: attributesText(item.attributes ?? {}, `${at}.attributes`),
    ...(item.vector
      ? { vector: validVector(item.vector, `${at}.vector`, dimension) }
      : { image: { bytes: item.image!, hash: imageHash(item.image!, `${at}.image`) } }),
  };
}

const COLLECTION_NAME = new RegExp(`^[A-Za-z0-9][A-Za-z0-9_-]{0,${LIMITS.collectionName - 1}}$`);

/** Of collections and aliases. */
export function checkCollectionName(name: string, field: string): void {
  if (typeof name === 'string' && COLLECTION_NAME.test(name)) return;
  const expected = `1 to ${LIMITS.collectionName} letters, digits, "-" and "_", the first a letter or digit`;
  throw invalid(field, expected, name);
}

/** A unit copy. Throws `vector_dimension`, or `invalid_argument` for one that is zero or not finite. */
export function validVector(vector: Float32Array, field: string, dimension: number): Float32Array {
  if (!(vector instanceof Float32Array)) throw invalid(field, 'a Float32Array', vector);
  if (vector.length !== dimension) {
    const details = { field, expected: `${dimension} components`, received: String(vector.length) };
    const message = `${field}: expected ${details.expected}, received ${details.received}`;
    throw new AttractorError('vector_dimension', message, details);
  }
  const unit = normalised(vector);
  if (!unit) throw invalid(field, 'finite components that are not all zero', vector);
  return unit;
}

/** SHA-256, hex. */
export function imageHash(image: Uint8Array, field: string): string {
  if (!(image instanceof Uint8Array)) throw invalid(field, 'the bytes of an image', image);
  return hash('sha256', image, 'hex');
}

/**
 * Ids, groups, tags: any Unicode but control characters and lone surrogates (which UTF-8 cannot carry: two ids would
 * become one). Compared as given, without normalisation.
 */
export function checkText(text: string, field: string, longest: number): void {
  if (typeof text !== 'string' || text.length === 0 || text.length > longest) {
    throw invalid(field, `a string of 1 to ${longest} characters`, text);
  }
  if (/[\p{Cc}\p{Surrogate}]/u.test(text)) {
    throw invalid(field, 'no control characters and no lone surrogates', text);
  }
}

export function tagsText(tags: readonly string[], field: string): string {
  if (!Array.isArray(tags) || tags.length > LIMITS.tags) {
    throw invalid(field, `an array of at most ${LIMITS.tags} tags`, tags);
  }
  for (let i = 0; i < tags.length; i++) checkText(tags[i]!, `${field}[${i}]`, LIMITS.tag);
  return JSON.stringify(tags);
}

/** Names are sorted: the order of two equal objects is no change. */
export function attributesText(attributes: Readonly<Record<string, AttributeValue>>, field: string): string {
  if (attributes === null || typeof attributes !== 'object' || Array.isArray(attributes)) {
    throw invalid(field, 'an object', attributes);
  }
  const entries = Object.entries(attributes);
  if (entries.length > LIMITS.attributes) {
    throw invalid(field, `at most ${LIMITS.attributes} attributes`, `${entries.length}`);
  }
  for (const [name, value] of entries) {
    checkText(name, `${field} name`, LIMITS.attributeName);
    const scalar =
      typeof value === 'boolean' ||
      (typeof value === 'number' && Number.isFinite(value)) ||
      (typeof value === 'string' && value.length <= LIMITS.attributeText && !/\p{Surrogate}/u.test(value));
    if (!scalar) {
      const expected = `a finite number, a boolean or a string of at most ${LIMITS.attributeText} characters`;
      throw invalid(`${field}.${name}`, expected, value);
    }
  }
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(Object.fromEntries(entries));
}
