// Reads a request's body: JSON, or a form with one image. Bounded by the limits before anything heavy starts.

import express, { type Request, type Response } from 'express';
import multer from 'multer';
import { AttractorError } from '../../src/errors/error.ts';
import type { Limits } from '../config.ts';
import { ROW_TYPES, type Rows, rowsOf } from './stream.ts';

/** What a route reads. `upload` is multipart/form-data with one file part, `image`. */
/** `rows`: JSON Lines or CSV, not read but handed on. */
export type Reads = 'json' | 'upload' | 'json or upload' | 'rows';

export interface Body {
  /** Parsed JSON, or the form's text fields; undefined where nothing was sent. */
  readonly fields: unknown;
  /** The file part; undefined for JSON. */
  readonly image?: Uint8Array;
  /** The body of a route that reads `rows`, as it comes. */
  readonly rows?: Rows;
}

const TYPES: Record<Reads, string> = {
  json: 'application/json',
  upload: 'multipart/form-data',
  'json or upload': 'application/json or multipart/form-data',
  rows: ROW_TYPES.join(' or '),
};

type Middleware = (request: Request, response: Response, next: (error?: unknown) => void) => void;

const run = (middleware: Middleware, request: Request, response: Response) =>
  new Promise<void>((resolve, reject) => {
    middleware(request, response, (error) => (error === undefined ? resolve() : reject(error)));
  });

export function createBodyReader(limits: Limits) {
  const json = express.json({ limit: limits.bodyBytes });
  const form = multer({
    storage: multer.memoryStorage(),
    limits: {
      fileSize: limits.imageBytes,
      fields: 16,
      parts: 17,
      fieldSize: 64 * 1024,
      headerPairs: 16,
      fieldNestingDepth: 0,
    },
  }).single('image');

  /** Throws what the parsers throw (see error-handler.ts), or `unsupported_media_type`. */
  return async function readBody(request: Request, response: Response, reads: Reads): Promise<Body> {
    if (reads === 'rows') {
      const rows = rowsOf(request);
      if (rows) return { fields: undefined, rows };
    } else if (reads !== 'upload' && request.is('application/json')) {
      await run(json, request, response);
      return { fields: request.body };
    }
    if (reads !== 'json' && reads !== 'rows' && request.is('multipart/form-data')) {
      await run(form, request, response).catch((error: unknown) => {
        // busboy's own errors are plain: a missing boundary, an end that never came.
        throw error instanceof Error && !(error instanceof multer.MulterError) && !request.signal.aborted
          ? new AttractorError('invalid_multipart', `body: ${error.message}`, { field: 'body', cause: error })
          : error;
      });
      return { fields: { ...request.body }, image: filePart(request) };
    }
    const type = request.get('content-type');
    if (reads !== 'rows' && type === undefined && !hasBytes(request)) return { fields: undefined };
    const received = type?.slice(0, 80) ?? 'no content-type';
    throw new AttractorError(
      'unsupported_media_type',
      `content-type: expected ${TYPES[reads]}, received ${received}`,
      { field: 'content-type', expected: TYPES[reads], received },
    );
  };
}

function hasBytes(request: Request): boolean {
  return request.get('transfer-encoding') !== undefined || Number(request.get('content-length') ?? 0) > 0;
}

function filePart(request: Request): Uint8Array {
  const bytes = request.file?.buffer;
  if (bytes === undefined || bytes.length === 0) {
    const received = bytes === undefined ? ('image' in request.body ? 'text' : 'no such part') : '0 bytes';
    throw new AttractorError(
      'invalid_multipart',
      `image: expected a file part with an image, received ${received}`,
      {
        field: 'image',
        expected: 'a file part with an image',
        received,
      },
    );
  }
  return bytes;
}
