// Any thrown value as an HTTP answer. The only place that turns a code into a status, from the table in src/errors.
// 4xx explain, 5xx hide, so do models' folders; the log has everything under the request id.

import type { ErrorRequestHandler, Request, Response } from 'express';
import multer from 'multer';
import type { Logger } from 'pino';
import { AttractorError, asAttractorError, isInside, shownMessage } from '../../src/errors/error.ts';
import { seconds } from './request.ts';

/** What a client sees of an error, whole answer or per item. */
export interface ErrorBody {
  readonly code: string;
  readonly message: string;
  readonly field?: string;
  readonly expected?: string;
  readonly received?: string;
  readonly link: string;
}

export function errorBody(error: AttractorError): ErrorBody {
  const { code, status } = error;
  const message = shownMessage(error);
  if (isInside(error)) {
    const shown = status === 500 ? 'internal' : code;
    return { code: shown, message, link: link(shown) };
  }
  const { field, expected, received } = error;
  return { code, message, field, expected, received, link: link(code) };
}

const link = (code: string) => `/docs/errors#${code}`;

/** Seconds: where the error does not say, and at most. */
const RETRY_AFTER = { default: 1, most: 60 };

/** What an answer says of its error. */
export type ErrorShape = (error: AttractorError, request: Request) => object;

const ownShape: ErrorShape = (error, request) => ({
  error: { ...errorBody(error), request_id: request.id },
  status: 'error',
});

/** Writes the error answer; `extra` joins the envelope (progress of a start, for instance). */
export function sendError(
  request: Request,
  response: Response,
  error: AttractorError,
  extra: object = {},
  shape: ErrorShape = ownShape,
): void {
  const again = error.status === 429 || error.status === 503 || error.retryAfter !== undefined;
  if (error.status === 401) response.set('WWW-Authenticate', 'Bearer');
  if (again && !response.get('Retry-After')) {
    const wait = Math.min(RETRY_AFTER.most, Math.max(1, Math.ceil(error.retryAfter ?? RETRY_AFTER.default)));
    response.set('Retry-After', String(wait));
  }
  // The type too: a file that could not be sent has left its own.
  response
    .status(error.status)
    .type('json')
    .json({ ...extra, ...shape(error, request), time: seconds(request) });
}

export function errorHandler(options: { logger: Logger; shape?: ErrorShape }): ErrorRequestHandler {
  return function handleError(thrown: unknown, request, response, _next) {
    const error = fromLibraries(thrown);
    if (isInside(error)) {
      request.span?.recordException(error);
      options.logger.error(
        {
          request_id: request.id,
          trace_id: request.traceId,
          code: error.code,
          err: error.cause ?? error,
        },
        error.message,
      );
    }
    // Headers are gone: the only honest end is a broken connection.
    if (response.headersSent) response.destroy();
    else sendError(request, response, error, {}, options.shape);
  };
}

/** Errors of body-parser, multer and Express's router as our own; others pass through `asAttractorError`. */
function fromLibraries(thrown: unknown): AttractorError {
  if (thrown instanceof AttractorError || !(thrown instanceof Error)) return asAttractorError(thrown);
  if (thrown instanceof multer.MulterError) return fromMulter(thrown);
  if (thrown.cause instanceof AttractorError) return thrown.cause;
  const { type, status } = thrown as { type?: string; status?: number };
  switch (type) {
    case 'entity.parse.failed':
      return new AttractorError('invalid_json', `body: expected valid JSON: ${firstLine(thrown)}`, {
        field: 'body',
      });
    case 'entity.too.large':
      return new AttractorError('body_too_large', 'body: larger than this server accepts', { field: 'body' });
    case 'charset.unsupported':
    case 'encoding.unsupported':
      return new AttractorError('unsupported_media_type', `body: ${firstLine(thrown)}`, { field: 'body' });
    case 'request.aborted':
      return new AttractorError('aborted', 'The client went away while sending.');
  }
  if (thrown instanceof URIError) {
    return new AttractorError('invalid_argument', 'path: expected valid percent-encoding', { field: 'path' });
  }
  // What is left of the libraries' own 4xx: a body that is shorter than announced, or not what its encoding says.
  if (status === 400) {
    return new AttractorError('invalid_argument', `body: ${firstLine(thrown)}`, { field: 'body' });
  }
  // Of Express's file server: a condition in a header that does not hold.
  if (status === 412) {
    return new AttractorError('invalid_argument', `headers: ${firstLine(thrown)}`, { field: 'headers' });
  }
  return asAttractorError(thrown);
}

function fromMulter(error: multer.MulterError): AttractorError {
  const field = error.field ?? 'body';
  switch (error.code) {
    case 'LIMIT_FILE_SIZE':
      return new AttractorError('image_too_large', `${field}: more bytes than this server accepts`, {
        field,
      });
    case 'LIMIT_FIELD_VALUE':
      return new AttractorError('body_too_large', `${field}: a form field of more than 64 KiB`, { field });
    case 'LIMIT_UNEXPECTED_FILE':
      return new AttractorError(
        'invalid_multipart',
        `${field}: expected exactly one file part, named image`,
        {
          field,
          expected: 'exactly one file part, named image',
        },
      );
    default:
      return new AttractorError('invalid_multipart', `${field}: ${error.message}`, { field });
  }
}

function firstLine(error: Error): string {
  return error.message.split('\n', 1)[0]!.slice(0, 120);
}
