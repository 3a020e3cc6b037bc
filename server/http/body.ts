// Reads a request's body: JSON, or a form with one image. Bounded by the limits before anything heavy starts.

import express, { type Request, type Response } from 'express';
import multer from 'multer';
import { AttractorError } from '../../src/errors/error.ts';
import type { Limits } from '../config.ts';
import { createBodyBudget } from './body-budget.ts';
import { checkJson } from './json-guard.ts';
import { ROW_TYPES, type Rows, rowsOf } from './stream.ts';
import { describe } from './validate.ts';

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

export const run = (middleware: Middleware, request: Request, response: Response) =>
  new Promise<void>((resolve, reject) => {
    middleware(request, response, (error) => (error === undefined ? resolve() : reject(error)));
  });

/** Bodies of the largest size that may be in memory at once. */
const BODIES = 16;

export function createBodyReader(limits: Limits) {
  const most = Math.max(limits.bodyBytes, limits.imageBytes);
  const takeRoom = createBodyBudget({ total: BODIES * most, most });
  const json = express.json({
    limit: limits.bodyBytes,
    verify(_request, _response, bytes, charset) {
      if (charset !== 'utf-8') throw parserError('charset.unsupported', `unsupported charset "${charset}"`);
      try {
        checkJson(bytes);
      } catch (cause) {
        throw parserError('checked', 'refused', cause);
      }
    },
  });
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
    }
    takeRoom(request, response);
    const takesJson = reads === 'json' || reads === 'json or upload';
    if (takesJson && isPlainJson(request, Math.min(limits.bodyBytes, SMALL))) {
      return { fields: await readJson(request) };
    }
    const sent = request.is(['application/json', 'multipart/form-data']);
    if (takesJson && sent === 'application/json') {
      await run(json, request, response);
      return { fields: request.body };
    }
    if (reads !== 'json' && reads !== 'rows' && sent === 'multipart/form-data') {
      await run(form, request, response).catch((error: unknown) => {
        if (!(error instanceof Error) || error instanceof multer.MulterError) throw error;
        // busboy's own errors are plain: a missing boundary, an end that never came; and so is multer's for who went away.
        throw request.destroyed && !request.complete
          ? new AttractorError('aborted', 'The client went away while sending.', { cause: error })
          : new AttractorError('invalid_multipart', `body: ${error.message}`, {
              field: 'body',
              cause: error,
            });
      });
      return { fields: { ...request.body }, image: filePart(request) };
    }
    const type = request.get('content-type');
    if (takesJson && type === undefined && !hasBytes(request)) return { fields: undefined };
    const received = type?.slice(0, 80) ?? 'no content-type';
    throw new AttractorError(
      'unsupported_media_type',
      `content-type: expected ${TYPES[reads]}, received ${received}`,
      { field: 'content-type', expected: TYPES[reads], received },
    );
  };
}

/** As body-parser's own: it writes its fields onto what `verify` throws, and ours cannot be written to. */
function parserError(type: string, message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, { cause }), { type });
}

function hasBytes(request: Request): boolean {
  return request.get('transfer-encoding') !== undefined || Number(request.get('content-length') ?? 0) > 0;
}

function filePart(request: Request): Uint8Array {
  const { buffer: bytes, originalname = '' } = request.file ?? {};
  if (bytes === undefined || bytes.length === 0) {
    const absent = 'image' in (request.body ?? {}) ? 'text' : 'no such part';
    const received = bytes === undefined ? absent : `0 bytes in the file ${describe(originalname)}`;
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

/** Beyond so many bytes Express's parser costs nothing beside the JSON itself. */
const SMALL = 64 * 1024;
const JSON_TYPE = /^application\/json(?:; ?charset=utf-8)?$/i;

/** JSON as nearly every client sends it: in UTF-8, not packed, its length named and allowed. Express's parser reads the rest. */
function isPlainJson({ headers }: Request, limit: number): boolean {
  const length = Number(headers['content-length']);
  return (
    length > 0 &&
    length <= limit &&
    headers['content-encoding'] === undefined &&
    headers['transfer-encoding'] === undefined &&
    JSON_TYPE.test(headers['content-type'] ?? '')
  );
}

/** The same checks, values and errors as with express.json, in a tenth of its time for a small body. */
function readJson(request: Request): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    if (request.destroyed) return reject(wentAway());
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('close', () => {
      if (!request.readableEnded) reject(wentAway());
    });
    request.on('end', () => {
      const bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
      try {
        checkJson(bytes);
        resolve(parseJson(bytes.toString('utf8').replace(/^\uFEFF/, '')));
      } catch (error) {
        reject(error);
      }
    });
  });
}

const wentAway = () => new AttractorError('aborted', 'The client went away while sending.');

function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch (error) {
    throw notJson((error as Error).message.split('\n', 1)[0]!.slice(0, 120));
  }
  throw notJson('an object or an array is needed');
}

const notJson = (why: string) =>
  new AttractorError('invalid_json', `body: expected valid JSON: ${why}`, { field: 'body' });
