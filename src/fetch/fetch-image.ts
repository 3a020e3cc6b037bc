// Bytes of an image from its URL, for queries and items. Meant for URLs that strangers write: only public hosts, only so many
// bytes, only so long. Whether the bytes are an image is for src/image to say.

import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { Agent, type Dispatcher, request } from 'undici';
import { AttractorError, refuseUnknown, whyAborted } from '../errors/error.ts';
import { createAddressRules } from './address.ts';
import { createConnector, type Resolver, systemResolver } from './connect.ts';
import { Gate } from './gate.ts';
import { checkTarget, hostOf } from './target.ts';

export interface FetchOptions {
  /** Addresses, ranges and host names that may be fetched from although they are not public. */
  readonly allow?: readonly string[];
  /** Default 80 and 443; null: any. */
  readonly ports?: readonly number[] | null;
  /** Of one image, as sent and as decoded. Default 20 MiB. */
  readonly maxBytes?: number;
  /** Milliseconds for the whole of it, waiting and redirects included. Default 15,000. */
  readonly timeout?: number;
  /** Milliseconds without a byte, and for connecting. Default 5,000. */
  readonly idleTimeout?: number;
  /** Default 3. */
  readonly maxRedirects?: number;
  /** Fetches at once from one host (default 6) and in all (default 32). */
  readonly perHost?: number;
  readonly total?: number;
  /** Default: the system's. */
  readonly lookup?: Resolver;
}

export interface ImageFetcher {
  /**
   * The bytes behind `url`. `field` is the name that errors give it.
   * @throws `invalid_argument` for what is no http(s) URL, `url_forbidden` for what may not be fetched, `url_unreachable` where no
   * image came, `url_too_large`, `overloaded`, `aborted` or the signal's own error.
   */
  fetchImage(options: { url: string; field?: string; signal?: AbortSignal }): Promise<Uint8Array>;
  close(): Promise<void>;
}

const DEFAULTS = {
  allow: [] as readonly string[],
  ports: [80, 443] as readonly number[] | null,
  maxBytes: 20 * 2 ** 20,
  timeout: 15_000,
  idleTimeout: 5_000,
  maxRedirects: 3,
  perHost: 6,
  total: 32,
  lookup: systemResolver,
};
/** Fetches that may wait for their turn. */
const MOST_WAITING = 4096;

const HEADERS = { accept: 'image/*', 'accept-encoding': 'identity', 'user-agent': 'attractor' };
const REDIRECTS = [301, 302, 303, 307, 308];
const DECODERS: Record<string, () => Transform> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

export function createImageFetcher(options: FetchOptions = {}): ImageFetcher {
  refuseUnknown(options, Object.keys(DEFAULTS), 'options');
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const settings = { ...DEFAULTS, ...Object.fromEntries(given) } as typeof DEFAULTS;
  const { maxBytes, idleTimeout } = settings;
  const addresses = createAddressRules({ allow: settings.allow });
  const rules = { addresses, ports: settings.ports ?? undefined };
  const gate = new Gate({ total: settings.total, perHost: settings.perHost, waiting: MOST_WAITING });
  const agent = new Agent({
    connect: createConnector({ rules: addresses, resolver: settings.lookup, timeout: idleTimeout }),
    connections: settings.perHost,
    pipelining: 1,
    headersTimeout: idleTimeout,
    bodyTimeout: idleTimeout,
    keepAliveTimeout: 2_000,
    keepAliveMaxTimeout: 10_000,
  });
  return {
    async fetchImage({ url, field = 'url', signal }) {
      const first = checkTarget({ url, field, rules });
      const stop = new AbortController();
      const late = setTimeout(() => stop.abort(unreachable('no whole answer in time')), settings.timeout);
      const left = () => stop.abort(whyAborted(signal!));
      signal?.addEventListener('abort', left);
      if (signal?.aborted) left();
      try {
        return await follow(first, stop.signal);
      } catch (error) {
        throw named(stop.signal.aborted ? stop.signal.reason : error, field);
      } finally {
        clearTimeout(late);
        signal?.removeEventListener('abort', left);
      }
    },
    close: () => agent.destroy(),
  };

  async function follow(first: URL, signal: AbortSignal): Promise<Uint8Array> {
    let url = first;
    for (let redirects = 0; redirects <= settings.maxRedirects; redirects++) {
      const answer = await gate.run(hostOf(url), signal, () => ask(url, signal));
      if (answer instanceof Uint8Array) return answer;
      url = checkTarget({ url: answer.location, base: url, field: 'url', rules });
    }
    throw unreachable(`more than ${settings.maxRedirects} redirects`);
  }

  async function ask(url: URL, signal: AbortSignal): Promise<Uint8Array | { location: string }> {
    const answer = await started(request(url, { dispatcher: agent, headers: HEADERS, signal }), signal);
    const { statusCode: status, headers, body } = answer;
    try {
      const location = String(headers.location ?? '');
      if (REDIRECTS.includes(status) && location !== '') return { location };
      if (status !== 200) throw unreachable(`status ${status}`);
      if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
      return await read(body, String(headers['content-encoding'] ?? 'identity'));
    } finally {
      // Whatever of it was not read is not wanted; an error that comes of this is nobody's.
      body.on('error', () => {}).destroy();
    }
  }

  async function read(body: Dispatcher.ResponseData['body'], encoding: string): Promise<Uint8Array> {
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

function unreachable(what: string, cause?: unknown): AttractorError {
  const expected = 'a URL that answers with an image';
  const message = `url: expected ${expected}, received ${what}`;
  return new AttractorError('url_unreachable', message, { field: 'url', expected, received: what, cause });
}

function tooLarge(maxBytes: number): AttractorError {
  const expected = `at most ${maxBytes} bytes`;
  const received = 'more';
  return new AttractorError('url_too_large', `url: expected ${expected}, received more`, {
    field: 'url',
    expected,
    received,
  });
}

/** Ours keep their code and take the caller's name of the field; whatever the network threw is `url_unreachable`. */
function named(error: unknown, field: string): AttractorError {
  const { code } = error as { code?: unknown };
  const ours =
    error instanceof AttractorError
      ? error
      : unreachable(typeof code === 'string' ? code : 'an error', error);
  if (ours.field !== 'url' || field === 'url') return ours;
  const { expected, received, cause } = ours;
  return new AttractorError(ours.code, `${field}${ours.message.slice('url'.length)}`, {
    field,
    expected,
    received,
    cause,
  });
}
