// Does the exported graph, in a fresh session, on images, give the embeddings that the trainer measured?

import { AttractorError } from '../../src/errors/error.ts';
import type { PreprocessContract } from '../../src/image/contract.ts';
import { preprocess } from '../../src/image/preprocess.ts';
import { f32 } from '../../src/onnx/tensor.ts';
import { openSession } from '../../src/runtime/session.ts';

export interface Parity {
  readonly images: number;
  /** Largest absolute difference of any coordinate. */
  readonly difference: number;
  /** Smallest cosine of any pair. */
  readonly cosine: number;
}

export interface ParityOptions {
  /** The whole graph, images to embeddings. */
  readonly graph: Uint8Array;
  readonly input: string;
  readonly output: string;
  readonly dimension: number;
  readonly preprocess: PreprocessContract;
  /** Encoded images. */
  readonly images: readonly Uint8Array[];
  /** The trainer's embeddings of these images, [images.length, dimension]. */
  readonly embeddings: Float32Array;
  /** Largest difference allowed in any coordinate. Default 0.0001; half-precision activations in training need more. */
  readonly tolerance?: number;
}

const DIFFERENCE = 1e-4;
const COSINE = 0.9999;

/** Throws `parity_failed` beyond the tolerance in any coordinate or below a cosine of 0.9999. */
export async function checkParity(options: ParityOptions): Promise<Parity> {
  const { dimension, images, embeddings, tolerance = DIFFERENCE } = options;
  const { width, height } = options.preprocess;
  const session = await openSession({ model: options.graph });
  let difference = 0;
  let cosine = 1;
  try {
    for (let i = 0; i < images.length; i++) {
      const pixels = await preprocess({ bytes: images[i]!, contract: options.preprocess });
      const result = await session.run({ [options.input]: f32([1, 3, height, width], pixels) });
      const exported = result[options.output]!.data as Float32Array;
      let [dot, a, b] = [0, 0, 0];
      for (let d = 0; d < dimension; d++) {
        const x = exported[d]!;
        const y = embeddings[i * dimension + d]!;
        // Math.max and min carry a NaN through to the end, where it fails.
        difference = Math.max(difference, Math.abs(x - y));
        dot += x * y;
        a += x * x;
        b += y * y;
      }
      cosine = Math.min(cosine, dot / Math.sqrt(a * b));
    }
  } finally {
    await session.release();
  }
  if (!(difference <= tolerance && cosine >= COSINE)) {
    const received = `a difference of ${difference.toExponential(2)} and a cosine of ${cosine.toFixed(6)}`;
    const expected = `at most ${tolerance} and at least ${COSINE}`;
    throw new AttractorError(
      'parity_failed',
      `The exported model differs from the trainer on ${images.length} images: expected ${expected}, received ${received}`,
      { expected, received },
    );
  }
  return { images: images.length, difference, cosine };
}
