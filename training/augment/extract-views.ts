// Multi-view features: every image embedded as it is and in some augmented views, once in its life. Augmentation for heads
// on cached features, where no image flows while training.

import { createHash } from 'node:crypto';
import { bytesOf, type Embedder } from '../../src/embed/embedder.ts';
import { asAttractorError, invalid } from '../../src/errors/error.ts';
import { augmentPng } from '../../src/image/augment.ts';
import type { PreprocessContract } from '../../src/image/contract.ts';
import { createRng } from '../../src/math/rng.ts';
import { type ExtractOptions, extractFeatures, type Features } from '../features/extract.ts';
import type { Augmentation } from './augmentation.ts';

export interface ExtractViewsOptions extends Omit<ExtractOptions, 'keyOf' | 'onProgress'> {
  /** Of the backbone. */
  readonly contract: PreprocessContract;
  readonly augmentation: Augmentation;
  /** Views of each image, the clean one included: 1 or more. */
  readonly views: number;
  /** View v of an image depends on the image, this and v alone. */
  readonly seed: number;
  /** Over all views. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

export interface ViewFeatures extends Omit<Features, 'features'> {
  /** One [rows.length, dimension] for each view, unit rows; the first is of the images as they are. */
  readonly views: readonly Float32Array[];
}

/** Throws what extractFeatures throws. Asked again for more views, it computes only the new ones. */
export async function extractViews(options: ExtractViewsOptions): Promise<ViewFeatures> {
  const { contract, augmentation, views, seed, openEmbedder, onProgress, ...rest } = options;
  if (!Number.isInteger(views) || views < 1) throw invalid('views', 'a whole number of 1 or more', views);
  // One embedder for all views, although extractFeatures closes what it opens.
  let opened: Promise<Embedder> | undefined;
  const open = () => {
    opened ??= openEmbedder();
    return opened;
  };
  const run = (view: number, rows: Features['rows']) => {
    const keyOf = (hash: string) =>
      view === 0 ? hash : sha256(`${hash} view ${view} seed ${seed} ${augmentation.fingerprint}`);
    const picture = async (bytes: Uint8Array) => {
      if (view === 0) return bytes;
      // 48 bits of the key, so that the order of rows plays no part.
      const rng = createRng(Number.parseInt(keyOf(sha256(bytes)).slice(0, 12), 16));
      return augmentPng({ bytes, contract, transform: augmentation.draw(rng, contract) });
    };
    return extractFeatures({
      ...rest,
      ...{ rows, keyOf },
      openEmbedder: async () => embedderOf(await open(), picture),
      onProgress: ({ done, total }) => onProgress?.({ done: view * total + done, total: views * total }),
    });
  };
  try {
    const { features, ...clean } = await run(0, rest.rows);
    const found = [features];
    let { cached, embedded } = clean;
    for (let view = 1; view < views; view++) {
      const more = await run(view, clean.rows);
      const [bad] = more.problems;
      // It could be read for its first view.
      if (bad) throw invalid(`image of line ${bad.line}`, 'one that stays as it was', bad.reason);
      found.push(more.features);
      cached += more.cached;
      embedded += more.embedded;
    }
    return { ...clean, views: found, cached, embedded };
  } finally {
    await (await opened?.catch(() => undefined))?.close();
  }
}

/** Embeds the pictures of images; a picture that cannot be made is that image's error. Closing it closes nothing. */
function embedderOf(inner: Embedder, picture: (bytes: Uint8Array) => Promise<Uint8Array>): Embedder {
  return {
    fingerprint: inner.fingerprint,
    dimension: inner.dimension,
    async embed({ images, ...request }) {
      const pictures = await Promise.all(
        images.map((image) => picture(bytesOf(image)).catch(asAttractorError)),
      );
      const good = pictures.filter((made): made is Uint8Array => !(made instanceof Error));
      const results = good.length > 0 ? await inner.embed({ ...request, images: good }) : [];
      let next = 0;
      return pictures.map((made) => (made instanceof Error ? { error: made } : results[next++]!));
    },
    close: async () => {},
  };
}

const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex');
