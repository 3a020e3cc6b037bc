// The Embedder port: image bytes in, unit vectors out. Implemented by the child-process pool (pool.ts);
// everything above (catalogue, server) knows only this file.

import type { AttractorError } from '../errors/error.ts';
import type { Crop } from '../image/crop.ts';

/** `bulk` work (imports) waits behind `online` work (queries). */
export type EmbedPriority = 'online' | 'bulk';

/** An encoded image (JPEG, PNG, ...) as the user sent it, or a part of one. */
export type EmbedImage = Uint8Array | { readonly bytes: Uint8Array; readonly crop?: Crop };

export const bytesOf = (image: EmbedImage): Uint8Array => (image instanceof Uint8Array ? image : image.bytes);

export interface EmbedRequest {
  readonly images: readonly EmbedImage[];
  readonly priority?: EmbedPriority;
  /** Takes what still waits out of the queue. The error is the signal's reason where that is an AttractorError (a deadline), else `aborted`. */
  readonly signal?: AbortSignal;
}

/** One entry per image, in order: a bad image fails alone. `vector` is L2-normalised, length `dimension`. */
export type EmbedResult = { readonly vector: Float32Array } | { readonly error: AttractorError };

export interface Embedder {
  /** SHA-256 over the graph bytes and the preprocessing contract, `sha256:<hex>`. */
  readonly fingerprint: string;
  readonly dimension: number;
  embed(request: EmbedRequest): Promise<EmbedResult[]>;
  close(): Promise<void>;
}
