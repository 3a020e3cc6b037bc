// What a query gives as examples (items, vectors, images and parts of images) as unit vectors of its collection.

import type { EmbedImage } from '../embed/embedder.ts';
import { AttractorError, refuseUnknown } from '../errors/error.ts';
import { checkCrop } from '../image/crop.ts';
import { assertModel, type CollectionContext, embed, rowOf } from './context.ts';
import { observed } from './observer.ts';
import type { Example, ImageExample } from './types.ts';
import { imageHash, validVector } from './validate.ts';

export interface NamedExample {
  readonly one: Example;
  /** What an error calls it. */
  readonly field: string;
}

export class Examples {
  /** Slots of the items among the examples: they are no answers. */
  readonly selves = new Set<number>();
  readonly #context: CollectionContext;

  constructor(context: CollectionContext) {
    this.#context = context;
  }

  /** In order; all images that are not known already are embedded at once. */
  async vectors(examples: readonly NamedExample[], signal?: AbortSignal): Promise<Float32Array[]> {
    const vectors: Float32Array[] = [];
    const missing: { at: number; field: string; image: EmbedImage }[] = [];
    for (let at = 0; at < examples.length; at++) {
      const { one, field } = examples[at]!;
      const vector = isImage(one) ? this.#known(one, field) : this.#given(one, field);
      if (vector) vectors[at] = vector;
      else missing.push({ at, field, image: partOf(one as ImageExample) });
    }
    if (missing.length === 0) return vectors;
    const images = missing.map(({ image }) => image);
    const results = await observed(this.#context, { operation: 'query', stage: 'embed' }, () =>
      embed(this.#context, { images, priority: 'online', signal }),
    );
    for (const [i, { at, field }] of missing.entries()) {
      const result = results[i]!;
      if ('error' in result) throw field === 'by.image' ? result.error : under(result.error, field);
      vectors[at] = result.vector;
    }
    return vectors;
  }

  /** An item's own slot goes to `selves`. */
  #given(one: string | Float32Array, field: string): Float32Array {
    const { row, maintained } = this.#context;
    if (typeof one !== 'string') return validVector(one, field, row.dimension);
    const { slot } = rowOf(this.#context, one);
    this.selves.add(slot);
    return maintained.index.flat.vector(slot).slice();
  }

  /**
   * Of an image that was embedded before. Read but never written: what visitors photograph is not kept. The cache knows
   * whole images only, so a crop is never looked up.
   */
  #known({ image, crop, ...rest }: ImageExample, field: string): Float32Array | undefined {
    const { store, row } = this.#context;
    refuseUnknown(rest, [], field);
    const hash = imageHash(image, field);
    assertModel(row, field);
    if (crop !== undefined) {
      checkCrop(crop, field === 'by.image' ? 'by.crop' : `${field}.crop`);
      return undefined;
    }
    const cached = store.items.cachedVector(hash, row.fingerprint);
    this.#context.observer?.cache?.(cached ? { hits: 1, misses: 0 } : { hits: 0, misses: 1 });
    return cached;
  }
}

const isImage = (one: Example): one is ImageExample =>
  typeof one === 'object' && one !== null && 'image' in one;

const partOf = ({ image, crop }: ImageExample): EmbedImage => (crop ? { bytes: image, crop } : image);

/** Which of several images it was. */
function under(error: AttractorError, field: string): AttractorError {
  const { code, message, expected, received, retryAfter, cause } = error;
  return new AttractorError(code, `${field}: ${message}`, { field, expected, received, retryAfter, cause });
}
