// Bytes of an image from its URL, for queries and items. Meant for URLs that strangers write: only public hosts, only so many
// bytes, only so long. Whether the bytes are an image is for src/image to say.

import { Agent } from 'undici';
import { AttractorError, refuseUnknown, whyAborted, withoutPrefix } from '../errors/error.ts';
import { createAddressRules } from './address.ts';
import { ask, unreachable } from './ask.ts';
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
      const answer = await gate.run(hostOf(url), signal, () => ask({ url, agent, maxBytes, signal }));
      if (answer instanceof Uint8Array) return answer;
      url = checkTarget({ url: answer.location, base: url, field: 'url', rules });
    }
    throw unreachable(`more than ${settings.maxRedirects} redirects`);
  }
}

/** Ours keep their code and take the caller's name of the field; whatever the network threw is `url_unreachable`. */
function named(error: unknown, field: string): AttractorError {
  const { code } = error as { code?: unknown };
  const ours =
    error instanceof AttractorError
      ? error
      : unreachable(typeof code === 'string' ? code : 'an error', error);
  return withoutPrefix(ours, 'url', field);
}
