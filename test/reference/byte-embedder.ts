// An Embedder without a model: a unit vector drawn from the hash of the bytes. Bytes that start with "bad" are no image.
// It counts what it embeds, so that tests can say "not again".

import { createHash } from 'node:crypto';
import { bytesOf, type Embedder, type EmbedRequest, type EmbedResult } from '../../src/embed/embedder.ts';
import { AttractorError } from '../../src/errors/error.ts';
import { createRng } from '../../src/math/rng.ts';
import { randomUnit } from './nearest.ts';

export class ByteEmbedder implements Embedder {
  readonly fingerprint: string;
  readonly dimension: number;
  /** Images embedded so far, as text, in order. */
  readonly embedded: string[] = [];
  readonly requests: EmbedRequest[] = [];
  closed = false;
  /** Held up where set, so that a test can act in the middle of a call. */
  gate: Promise<void> | undefined;

  constructor(options: { fingerprint?: string; dimension?: number } = {}) {
    this.fingerprint = options.fingerprint ?? 'sha256:bytes';
    this.dimension = options.dimension ?? 16;
  }

  vector(bytes: Uint8Array): Float32Array {
    const digest = createHash('sha256').update(this.fingerprint).update(bytes).digest();
    return randomUnit(createRng(digest.readUIntBE(0, 6)), this.dimension);
  }

  async embed(request: EmbedRequest): Promise<EmbedResult[]> {
    this.requests.push(request);
    await this.gate;
    return request.images.map((image) => {
      // A part of an image has a vector of its own.
      const part = image instanceof Uint8Array || !image.crop ? '' : JSON.stringify(image.crop);
      const bytes = Buffer.concat([bytesOf(image), Buffer.from(part)]);
      const text = bytes.toString();
      this.embedded.push(text);
      if (text.startsWith('bad')) {
        return { error: new AttractorError('image_undecodable', 'these bytes are bad') };
      }
      return { vector: this.vector(bytes) };
    });
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}
