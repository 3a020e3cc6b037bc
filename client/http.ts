// One call over fetch: address, key, body, timeout, retries, errors. Knows no route.

import { AttractorApiError } from './error.ts';

export interface ClientOptions {
  /** Of the server, as `http://127.0.0.1:3000`. A path in front of the API's is kept. */
  readonly url: string | URL;
  /** Sent as `api-key`. */
  readonly apiKey?: string;
  /** Sent with every call. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Of one call with its retries, in milliseconds; 0: none. Default 60,000. */
  readonly timeout?: number;
  /** How often a call that was answered 429 or 503 is made again, after the server's Retry-After. Default 2. */
  readonly retries?: number;
  /** Longest wait before a retry, in milliseconds; where the server asks for more, the error comes at once. Default 10,000. */
  readonly maxWait?: number;
  /** Default: the global one. */
  readonly fetch?: typeof fetch;
}

export interface CallOptions {
  /** Ends the call, also while it waits to be made again. */
  readonly signal?: AbortSignal;
  /** Instead of the client's. */
  readonly timeout?: number;
  /** Of a call that writes: it is done once under the key, however often it is sent, and may be sent again. */
  readonly idempotencyKey?: string;
}

export interface Request extends CallOptions {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** From the root of the server, encoded. */
  readonly path: string;
  /** Sent as JSON; typed arrays become arrays. */
  readonly json?: unknown;
  readonly form?: FormData;
  /** Any other body, of the media type `type`. A stream can be sent once only. */
  readonly body?: Blob | ReadableStream<Uint8Array>;
  readonly type?: string;
  /** May be made twice. Default: all but POST, as HTTP has it, and what has a key. */
  readonly idempotent?: boolean;
}

/** Answers of success; throws `AttractorApiError` for others. */
export type Call = (request: Request) => Promise<Response>;

export function createCall(options: ClientOptions): Call {
  const { apiKey, headers, retries = 2, maxWait = 10_000 } = options;
  const url = String(options.url);
  // An address without http:// is no URL, or one of the scheme "localhost".
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) {
    throw new TypeError(`url: expected a URL such as http://127.0.0.1:3000, received ${url}`);
  }
  const base = new URL(url);
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  return async function call(request) {
    const { method, json, form, body, idempotencyKey: key } = request;
    const { type = json === undefined ? undefined : 'application/json' } = request;
    const { idempotent = method !== 'POST' || key !== undefined } = request;
    const once = body instanceof ReadableStream;
    const send = options.fetch ?? fetch;
    const timeout = request.timeout ?? options.timeout ?? 60_000;
    const ends = [request.signal, timeout > 0 ? AbortSignal.timeout(timeout) : undefined];
    const signal = AbortSignal.any(ends.filter((one) => one !== undefined));
    for (let left = idempotent && !once ? retries : 0; ; left--) {
      const response = await send(new URL(request.path.replace(/^\/+/, ''), base), {
        method,
        headers: {
          accept: 'application/json, */*',
          ...headers,
          ...(apiKey !== undefined && { 'api-key': apiKey }),
          ...(type !== undefined && { 'content-type': type }),
          ...(key !== undefined && { 'idempotency-key': key }),
        },
        body: json === undefined ? (form ?? body) : JSON.stringify(json, plain),
        signal,
        ...(once && { duplex: 'half' }),
      });
      if (response.ok) return response;
      const error = await AttractorApiError.of(response);
      const wait = 1000 * (error.retryAfter ?? 1);
      const again = (response.status === 429 || response.status === 503) && wait <= maxWait;
      if (left <= 0 || !again) throw error;
      await pause(wait, signal);
    }
  };
}

const plain = (_: string, value: unknown) =>
  ArrayBuffer.isView(value) ? Array.from(value as Float32Array) : value;

export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', end);
      resolve();
    }, ms);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}
