// Items and hits as the API shows them. Pure.

import type { Hit, Item } from '../../../src/catalogue/types.ts';

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

export function showHit(options: { collection: string; hit: Hit; withPayload: boolean }): object {
  const { collection, hit, withPayload } = options;
  const { id, ...rest } = showPoint({ collection, item: hit.item, withPayload }) as { id: string };
  return { id, score: hit.score, ...rest };
}
