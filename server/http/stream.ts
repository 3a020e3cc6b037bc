// Bodies and answers that are too long to be held: handed on as they come, and sent no faster than the client reads.

import { once } from 'node:events';
import type { Request, Response } from 'express';
import { AttractorError } from '../../src/errors/error.ts';
import type { BodyFormat } from '../../src/tasks/body.ts';

/** Media types of rows, and what they are. */
const FORMATS: Readonly<Record<string, BodyFormat>> = {
  'application/x-ndjson': 'jsonl',
  'application/jsonl': 'jsonl',
  'text/csv': 'csv',
};

export const ROW_TYPES = Object.keys(FORMATS);

export interface Rows {
  readonly format: BodyFormat;
  /** Throws `aborted` where the client leaves before its end. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Undefined where the body is of another type. */
export function rowsOf(request: Request): Rows | undefined {
  const type = request.is(ROW_TYPES);
  if (type === false || type === null) return undefined;
  const encoding = request.get('content-encoding');
  if (encoding !== undefined && encoding !== 'identity') {
    const message = `content-encoding: expected none, received ${encoding.slice(0, 40)}`;
    throw new AttractorError('unsupported_media_type', message, { field: 'content-encoding' });
  }
  return { format: FORMATS[type]!, chunks: chunksOf(request) };
}

async function* chunksOf(request: Request): AsyncGenerator<Uint8Array> {
  try {
    // Left open: a body that is refused half way still gets its answer.
    yield* request.iterator({ destroyOnReturn: false });
  } catch (cause) {
    throw new AttractorError('aborted', 'The client went away while sending.', { cause });
  } finally {
    // The rest of a refused body is let go by, so that the connection is good for the next call.
    if (!request.complete) request.resume();
  }
  if (!request.complete) throw new AttractorError('aborted', 'The client went away while sending.');
}

/** Ends early where the client leaves; what goes wrong in the middle breaks the connection (error-handler.ts). */
export async function sendStream(
  response: Response,
  reply: { stream: AsyncIterable<Uint8Array | string>; headers: Readonly<Record<string, string>> },
): Promise<void> {
  const closed = new AbortController();
  response.once('close', () => closed.abort());
  response.set(reply.headers);
  for await (const chunk of reply.stream) {
    if (closed.signal.aborted) return;
    if (response.write(chunk)) continue;
    await once(response, 'drain', { signal: closed.signal }).catch(() => {});
  }
  response.end();
}
