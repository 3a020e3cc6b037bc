// Items, hits and what came of writes as the API shows them.

import type { Hit, Item, UpsertResult } from '../../../src/catalogue/types.ts';
import { errorBody } from '../../http/error-handler.ts';
import { Written } from '../../http/json.ts';

export function imageUrl(collection: string, id: string): string {
  return `/v1/collections/${encodeURIComponent(collection)}/items/${encodeURIComponent(id)}/image`;
}

/** Flat, as in Qdrant: attributes beside `group`, `tags` and, where there is a picture, `image`. */
function payload(collection: string, item: Item): Record<string, unknown> {
  return {
    ...item.attributes,
    group: item.group,
    tags: item.tags,
    ...(item.imageHash !== undefined && { image: imageUrl(collection, item.id) }),
  };
}

export function showItem(collection: string, item: Item): object {
  const { id, group, tags, attributes, imageHash, vector } = item;
  return {
    id,
    group,
    tags,
    attributes,
    ...(imageHash !== undefined && { image: imageUrl(collection, id) }),
    ...(vector && { vector: Array.from(vector) }),
  };
}

export function showPoint(options: { collection: string; item: Item; withPayload: boolean }): object {
  const { collection, item, withPayload } = options;
  return {
    id: item.id,
    ...(withPayload && { payload: payload(collection, item) }),
    ...(item.vector && { vector: Array.from(item.vector) }),
  };
}

/** Of items that are hits again and again: the catalogue gives the same object while nothing has changed. */
const written = new WeakMap<Item, { collection: string; id: string; payload: string }>();

function writtenOf(collection: string, item: Item) {
  const known = written.get(item);
  if (known?.collection === collection) return known;
  const made = {
    collection,
    id: JSON.stringify(item.id),
    payload: `,"payload":${JSON.stringify(payload(collection, item))}`,
  };
  written.set(item, made);
  return made;
}

export function writeHit(options: { collection: string; hit: Hit; withPayload: boolean }): Written {
  const { collection, hit, withPayload } = options;
  const { score, item } = hit;
  const { id, payload } = writtenOf(collection, item);
  const vector = item.vector ? `,"vector":[${item.vector.join()}]` : '';
  return new Written(`{"id":${id},"score":${score}${withPayload ? payload : ''}${vector}}`);
}

export function showUpsert({ id, status, error }: UpsertResult): object {
  return { id, status, ...(error && { error: errorBody(error) }) };
}
