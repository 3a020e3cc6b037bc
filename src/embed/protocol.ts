// What the pool and its child processes say to each other. Plain data: it crosses by structured clone, where errors
// would lose their fields.

import { AttractorError, asAttractorError } from '../errors/error.ts';
import type { ErrorCode } from '../errors/table.ts';
import type { ImageLimits } from '../image/inspect.ts';
import type { Precision } from '../model/load.ts';
import type { Provider } from '../runtime/session.ts';
import type { EmbedImage, EmbedResult } from './embedder.ts';

/** How a child opens its model. */
export interface ChildOptions {
  readonly directory: string;
  readonly precision: Precision;
  readonly providers: readonly Provider[];
  readonly threads: number;
  readonly limits: Partial<ImageLimits>;
}

export interface ModelFacts {
  readonly fingerprint: string;
  readonly dimension: number;
  readonly provider: Provider;
}

export type ToChild =
  | { readonly type: 'open'; readonly options: ChildOptions }
  | { readonly type: 'batch'; readonly images: readonly EmbedImage[] };

export type FromChild =
  | ({ readonly type: 'ready' } & ModelFacts)
  | { readonly type: 'refused'; readonly error: WireError }
  | { readonly type: 'done'; readonly results: readonly WireResult[] };

export type WireResult = { readonly vector: Float32Array } | { readonly error: WireError };

export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly field?: string;
  readonly expected?: string;
  readonly received?: string;
  /** Stack of the cause, for the log of the parent. */
  readonly cause?: string;
}

export function packError(thrown: unknown): WireError {
  const { code, message, field, expected, received, cause } = asAttractorError(thrown);
  const origin = cause instanceof Error ? (cause.stack ?? cause.message) : cause;
  return { code, message, field, expected, received, cause: origin === undefined ? undefined : `${origin}` };
}

export function unpackError({ code, message, ...details }: WireError): AttractorError {
  return new AttractorError(code, message, details);
}

export const packResult = (result: EmbedResult): WireResult =>
  'vector' in result ? result : { error: packError(result.error) };

export const unpackResult = (result: WireResult): EmbedResult =>
  'vector' in result ? result : { error: unpackError(result.error) };
