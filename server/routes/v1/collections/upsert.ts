// An upsert whose images may be URLs: all are fetched first. A URL that brings none fails its own item, as a broken image does;
// what is malformed has been refused before as a whole.

import type { Collection, ItemInput, UpsertResult } from '../../../../src/catalogue/types.ts';
import { AttractorError, refuseAborted, withoutPrefix } from '../../../../src/errors/error.ts';
import { createImageReader, type ImageReading, type ImageSource } from '../../../http/image.ts';

export type ItemSource = Omit<ItemInput, 'image'> & { readonly image?: ImageSource };

/** Tells one result per item, in order. Throws what the images' text makes it throw, and as `refuseAborted` does. */
export async function upsertRead(options: {
  collection: Collection;
  items: readonly ItemSource[];
  images: ImageReading;
  signal: AbortSignal;
  /** Called in the transaction that writes them. */
  onWritten: (results: UpsertResult[]) => void;
}): Promise<void> {
  const { collection, items, signal } = options;
  const reader = createImageReader(options.images);
  const read = async (item: ItemSource, i: number): Promise<ItemInput | AttractorError> => {
    const { image: source, ...rest } = item;
    if (source === undefined) return rest;
    try {
      return { ...rest, image: await reader.read({ source, field: `items[${i}].image`, signal }) };
    } catch (error) {
      refuseAborted(signal);
      if (!('url' in source) || !(error instanceof AttractorError)) throw error;
      return error;
    }
  };
  // Text before URLs: where one is malformed nothing is fetched.
  const inputs = new Array<ItemInput | AttractorError>(items.length);
  for (const urls of [false, true]) {
    await Promise.all(
      items.map(async (item, i) => {
        if ((item.image !== undefined && 'url' in item.image) === urls) inputs[i] = await read(item, i);
      }),
    );
  }
  const good = inputs.filter((input): input is ItemInput => !(input instanceof AttractorError));
  const ofAll = (results: UpsertResult[]) => {
    let next = 0;
    return inputs.map((input, i): UpsertResult => {
      if (input instanceof AttractorError) return { id: items[i]!.id, status: 'failed', error: input };
      const result = results[next++]!;
      return next - 1 === i || !result.error
        ? result
        : { ...result, error: withoutPrefix(result.error, `items[${next - 1}]`, `items[${i}]`) };
    });
  };
  await collection.upsert({
    items: good,
    priority: 'bulk',
    signal,
    onWritten: (results) => options.onWritten(ofAll(results)),
  });
}
