// An error answer as a value.

import type { Code } from './types.ts';

interface Shown {
  code?: Code;
  message?: string;
  field?: string;
  expected?: string;
  received?: string;
  link?: string;
  request_id?: string;
}

/** Thrown for every answer that is not a success. What fetch itself throws (no connection, abort, timeout) stays as it is. */
export class AttractorApiError extends Error {
  override readonly name = 'AttractorApiError';
  readonly status: number;
  readonly code: Code;
  /** Path of the offending field, as `items[3].vector`. */
  readonly field: string | undefined;
  readonly expected: string | undefined;
  readonly received: string | undefined;
  /** Finds the request in the server's log. */
  readonly requestId: string | undefined;
  readonly link: string | undefined;
  /** Seconds, where the server says when to come again. */
  readonly retryAfter: number | undefined;

  constructor(options: { status: number; error: Shown; requestId?: string; retryAfter?: number }) {
    const { status, error, retryAfter } = options;
    super(error.message ?? `HTTP ${status}`);
    this.status = status;
    this.code = error.code ?? 'unknown';
    this.field = error.field;
    this.expected = error.expected;
    this.received = error.received;
    this.requestId = error.request_id ?? options.requestId;
    this.link = error.link;
    this.retryAfter = retryAfter;
  }

  /** Reads the answer, which may be anything: a proxy answers too. */
  static async of(response: Response): Promise<AttractorApiError> {
    const text = await response.text();
    let error: Shown = {};
    try {
      const body = JSON.parse(text);
      if (typeof body.error === 'object' && body.error !== null) error = body.error;
    } catch {
      // Not JSON: the status has to do.
    }
    return new AttractorApiError({
      status: response.status,
      error,
      requestId: response.headers.get('x-request-id') ?? undefined,
      retryAfter: seconds(response.headers.get('retry-after')),
    });
  }
}

/** `Retry-After` is a number of seconds or a date. */
function seconds(header: string | null): number | undefined {
  if (header === null) return undefined;
  const value = Number(header);
  if (Number.isFinite(value) && value >= 0) return value;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - Date.now()) / 1000);
}
