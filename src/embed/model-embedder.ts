// A model in this process: encoded images in, vectors out, one batch per call. The child processes of the pool and
// the feature cache of training run this same code. Not a queue: what does not fit in memory at once is the caller's to cut.

import { AttractorError, asAttractorError } from '../errors/error.ts';
import type { ImageLimits } from '../image/inspect.ts';
import { preprocess } from '../image/preprocess.ts';
import { normalised } from '../math/normalise.ts';
import type { LoadedModel } from '../model/load.ts';
import { openSession, type Provider } from '../runtime/session.ts';
import type { EmbedImage, EmbedResult } from './embedder.ts';

export interface ModelEmbedder {
  readonly fingerprint: string;
  readonly dimension: number;
  /** The one in use. */
  readonly provider: Provider;
  /**
   * Decodes and embeds; one entry per image, in order. A bad image fails alone, with the error of `preprocess`, or
   * `internal` where the graph gives it a vector without direction. Throws only where the graph cannot run at all.
   */
  embedImages(options: { images: readonly EmbedImage[] }): Promise<EmbedResult[]>;
  /**
   * The graph's output, `[count, dimension]` row-major and not normalised, for tensors made by `preprocess`:
   * `[count, 3, height, width]`. Blocks the event loop while the graph computes.
   */
  embedTensors(options: { tensors: Float32Array; count: number }): Promise<Float32Array>;
  close(): Promise<void>;
}

export interface ModelEmbedderOptions {
  readonly model: LoadedModel;
  /** Tried in this order. Default: `['cpu']`. */
  readonly providers?: readonly Provider[];
  /** For decoding (images at a time) and for inference. Default 1. */
  readonly threads?: number;
  readonly limits?: Partial<ImageLimits>;
  /** Scale vectors to length 1. Default true; false gives `embedImages` the raw features of a backbone. */
  readonly normalise?: boolean;
}

/** Opens the model. Throws what `openSession` throws. */
export async function createModelEmbedder(options: ModelEmbedderOptions): Promise<ModelEmbedder> {
  const { model, providers, threads = 1, limits, normalise = true } = options;
  const { dimension, input, output, preprocess: contract } = model.manifest;
  const session = await openSession({
    model: model.graph,
    providers,
    threads,
    integer: model.precision === 'int8',
  });
  const size = 3 * contract.height * contract.width;

  async function embedTensors({ tensors, count }: { tensors: Float32Array; count: number }) {
    if (count === 0) return new Float32Array(0);
    const dims = [count, 3, contract.height, contract.width];
    const result = await session.run({ [input]: { type: 'float32', dims, data: tensors } }, [output]);
    return result[output]!.data as Float32Array;
  }

  async function embedImages({ images }: { images: readonly EmbedImage[] }): Promise<EmbedResult[]> {
    const results = new Array<EmbedResult>(images.length);
    const tensors = new Float32Array(images.length * size);
    const decoded: number[] = []; // decoded[row] is the image in that row of the batch
    let next = 0;
    const decode = async (): Promise<void> => {
      while (next < images.length) {
        const index = next++;
        try {
          const image = images[index]!;
          const part = image instanceof Uint8Array ? { bytes: image } : image;
          const tensor = await preprocess({ ...part, contract, limits });
          tensors.set(tensor, size * (decoded.push(index) - 1));
        } catch (error) {
          results[index] = { error: asAttractorError(error) };
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(threads, images.length) }, decode));

    const count = decoded.length;
    const rows = await embedTensors({ tensors: tensors.subarray(0, count * size), count });
    for (const [row, index] of decoded.entries()) {
      const raw = rows.slice(row * dimension, (row + 1) * dimension);
      const vector = normalise ? normalised(raw) : raw;
      results[index] = vector ? { vector } : { error: noDirection() };
    }
    return results;
  }

  return {
    fingerprint: model.fingerprint,
    dimension,
    provider: session.provider,
    embedImages,
    embedTensors,
    close: () => session.release(),
  };
}

const noDirection = (): AttractorError =>
  new AttractorError('internal', 'The model gave this image a zero or non-finite vector.');
