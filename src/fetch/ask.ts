// One request for an image and its answer, read to an end within its limit. Who may be asked, how often and how long is
// fetch-image.ts.

import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { type Agent, type Dispatcher, request } from 'undici';
import { AttractorError } from '../errors/error.ts';

const HEADERS = { accept: 'image/*', 'accept-encoding': 'identity', 'user-agent': 'attractor' };
const REDIRECTS = [301, 302, 303, 307, 308];
const DECODERS: Record<string, () => Transform> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

/** The bytes, or where they are said to be instead. Throws `url_unreachable`, `url_too_large` or the signal's reason. */
export async function ask(options: {
  url: URL;
  agent: Agent;
  maxBytes: number;
  signal: AbortSignal;
}): Promise<Uint8Array | { location: string }> {
  const { url, agent, maxBytes, signal } = options;
  const answer = await started(request(url, { dispatcher: agent, headers: HEADERS, signal }), signal);
  const { statusCode: status, headers, body } = answer;
  try {
    const location = String(headers.location ?? '');
    if (REDIRECTS.includes(status) && location !== '') return { location };
    if (status !== 200) throw unreachable(`status ${status}`);
    if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
    return await read(body, String(headers['content-encoding'] ?? 'identity'), maxBytes);
  } finally {
    // Whatever of it was not read is not wanted; an error that comes of this is nobody's.
    body.on('error', () => {}).destroy();
  }
}

async function read(
  body: Dispatcher.ResponseData['body'],
  encoding: string,
  maxBytes: number,
): Promise<Uint8Array> {
  const decoder = DECODERS[encoding.toLowerCase()]?.();
  if (!decoder && encoding.toLowerCase() !== 'identity') throw unreachable('an unknown content-encoding');
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  body.on('error', (error) => decoder?.destroy(error));
  for await (const chunk of decoder ? body.pipe(decoder) : body) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** undici hears of the signal only once it is connected: a name server that is silent would hold us beyond our time. */
function started(answer: Promise<Dispatcher.ResponseData>, signal: AbortSignal) {
  return new Promise<Dispatcher.ResponseData>((resolve, reject) => {
    const stop = () => {
      reject(signal.reason);
      answer.then(
        ({ body }) => body.on('error', () => {}).destroy(),
        () => {},
      );
    };
    signal.addEventListener('abort', stop, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

export function unreachable(what: string, cause?: unknown): AttractorError {
  const expected = 'a URL that answers with an image';
  const message = `url: expected ${expected}, received ${what}`;
  return new AttractorError('url_unreachable', message, { field: 'url', expected, received: what, cause });
}

function tooLarge(maxBytes: number): AttractorError {
  const expected = `at most ${maxBytes} bytes`;
  const message = `url: expected ${expected}, received more`;
  return new AttractorError('url_too_large', message, { field: 'url', expected, received: 'more' });
}
