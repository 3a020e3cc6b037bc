// The one error class, and the sentence shapes for bad input. Knows nothing of HTTP beyond the table's status.

import { ERRORS, type ErrorCode } from './table.ts';

export interface ErrorDetails {
  /** Path of the offending field, e.g. `items[3].vector`. */
  field?: string;
  expected?: string;
  received?: string;
  /** Seconds after which trying again is likely to succeed. */
  retryAfter?: number;
  cause?: unknown;
}

export class AttractorError extends Error {
  override readonly name = 'AttractorError';
  readonly code: ErrorCode;
  readonly field: string | undefined;
  readonly expected: string | undefined;
  readonly received: string | undefined;
  readonly retryAfter: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.field = details.field;
    this.expected = details.expected;
    this.received = details.received;
    this.retryAfter = details.retryAfter;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }
}

/** For the log alone: what went wrong inside, and what names the folder of a model. */
export function isInside({ code, status, field }: AttractorError): boolean {
  return status >= 500 || code === 'model_invalid' || (code === 'model_not_found' && field === undefined);
}

/** What a caller is told. */
export function shownMessage(error: AttractorError): string {
  if (error.status === 500) return 'Internal error.';
  return isInside(error) ? ERRORS[error.code].meaning : error.message;
}

/** `invalid_argument` in the one sentence shape: "field: expected X, received Y". */
export function invalid(field: string, expected: string, received: unknown): AttractorError {
  const shown = show(received);
  return new AttractorError('invalid_argument', `${field}: expected ${expected}, received ${shown}`, {
    field,
    expected,
    received: shown,
  });
}

/**
 * The error with `prefix` of its field replaced: what the library calls `items[0].image` or `by.vector` is plainly
 * `image` or `vector` to the caller of a route. Other values come back as they are.
 */
export function withoutPrefix<Thrown>(error: Thrown, prefix: string, by = ''): Thrown | AttractorError {
  if (!(error instanceof AttractorError) || !error.field?.startsWith(prefix)) return error;
  const { code, message, field, expected, received, retryAfter, cause } = error;
  const renamed = (text: string) => by + text.slice(prefix.length);
  const said = message.startsWith(field) ? renamed(message) : message;
  const details = { field: renamed(field), expected, received, retryAfter, cause };
  return new AttractorError(code, said, details);
}

/** A short printable form of any value, for messages. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${(value as Uint8Array).length ?? 0})`;
  const text =
    typeof value === 'bigint' || typeof value === 'symbol' || typeof value === 'function'
      ? String(value)
      : typeof value === 'number'
        ? String(value)
        : json(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** A hostile value is nested so deep that to write it down is to run out of stack. */
function json(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return 'a value that cannot be shown';
  }
}

/** Refuses, by name, any key of `options` that is not in `known`. */
export function refuseUnknown(options: object, known: readonly string[], where: string): void {
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      throw new AttractorError(
        'unknown_option',
        `${where}: unknown option "${key}"; known: ${known.join(', ')}`,
        {
          field: key,
          expected: `one of ${known.join(', ')}`,
          received: key,
        },
      );
    }
  }
}

/** Any thrown value as an AttractorError; unknown ones become `internal` with the cause kept for the log. */
export function asAttractorError(error: unknown): AttractorError {
  if (error instanceof AttractorError) return error;
  if (error instanceof Error && error.name === 'AbortError') {
    return new AttractorError('aborted', 'The operation was aborted.', { cause: error });
  }
  return new AttractorError('internal', 'Internal error.', { cause: error });
}

/** Why a signal fired: its reason where that is an error of ours, as that of a deadline is, else `aborted`. */
export function whyAborted({ reason }: AbortSignal): AttractorError {
  return reason instanceof AttractorError
    ? reason
    : new AttractorError('aborted', 'The operation was aborted.');
}

/** Throws `whyAborted` where the caller has gone already. */
export function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw whyAborted(signal);
}
