// Fetching from real servers on loopback. 127.0.0.2 is allowed and plays the public host; 127.0.0.1 is not, and counts who comes.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AttractorError } from '../../src/errors/error.ts';
import { createImageFetcher, type FetchOptions, type ImageFetcher } from '../../src/fetch/fetch-image.ts';

const PUBLIC = '127.0.0.2';
const SECRET = '127.0.0.1';
const KiB = 1024;

type Answer = (request: IncomingMessage, response: ServerResponse) => void;
let answers: Record<string, Answer> = {};
let asked: IncomingMessage[] = [];
let secretAsked = 0;
let open: Server;
let secret: Server;
let port: number;
const fetchers: ImageFetcher[] = [];

const listen = (server: Server, host: string, wanted: number) =>
  new Promise<number>((resolve, reject) => {
    server.once('error', reject);
    server.listen(wanted, host, () => resolve((server.address() as AddressInfo).port));
  });

beforeAll(async () => {
  open = createServer((request, response) => {
    asked.push(request);
    const answer = answers[request.url!];
    if (answer) answer(request, response);
    else response.writeHead(404).end('nothing');
  });
  secret = createServer((_, response) => {
    secretAsked++;
    response.end('the secret');
  });
  port = await listen(open, PUBLIC, 0);
  await listen(secret, SECRET, port);
});
beforeEach(() => {
  answers = { '/a': (_, response) => response.end('bytes') };
  asked = [];
});
afterAll(async () => {
  await Promise.all(fetchers.map((one) => one.close()));
  for (const server of [open, secret]) {
    server.closeAllConnections();
    server.close();
  }
  expect(secretAsked).toBe(0);
});

function fetcher(options: FetchOptions = {}): ImageFetcher {
  const made = createImageFetcher({ allow: [PUBLIC], ports: null, maxBytes: 64 * KiB, ...options });
  fetchers.push(made);
  return made;
}

const resolver = (...rounds: string[][]) => {
  let round = 0;
  const lookup = async () =>
    rounds[Math.min(round++, rounds.length - 1)]!.map((address) => ({
      address,
      family: address.includes(':') ? 6 : 4,
    }));
  return { lookup, calls: () => round };
};
const at = (host: string, path = '/a') => `http://${host}:${port}${path}`;
const to =
  (location: string, status = 302): Answer =>
  (_, response) =>
    response.writeHead(status, { location }).end();
const code = (wanted: string, received?: unknown) =>
  expect.objectContaining({ code: wanted, ...(received !== undefined && { received }) });

describe('what comes', () => {
  test('are the bytes, asked for plainly', async () => {
    expect(Buffer.from(await fetcher().fetchImage({ url: at(PUBLIC) })).toString()).toBe('bytes');
    expect(asked[0]!.headers).toEqual({
      host: `${PUBLIC}:${port}`,
      connection: 'keep-alive',
      accept: 'image/*',
      'accept-encoding': 'identity',
      'user-agent': 'attractor',
    });
  });

  test.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
  ] as const)('%s, which nobody asked for, is taken out of its wrapping', async (encoding, pack) => {
    answers['/z'] = (_, response) =>
      response.writeHead(200, { 'content-encoding': encoding }).end(pack('bytes'));
    expect(Buffer.from(await fetcher().fetchImage({ url: at(PUBLIC, '/z') })).toString()).toBe('bytes');
  });

  test('a name is looked up once, and its Host header is the name', async () => {
    const { lookup, calls } = resolver([PUBLIC]);
    await fetcher({ lookup }).fetchImage({ url: at('shop.example.com') });
    expect([asked[0]!.headers.host, calls()]).toEqual([`shop.example.com:${port}`, 1]);
  });

  test('a redirect is followed, three times', async () => {
    for (const [i, status] of [301, 303, 307].entries()) answers[`/${i}`] = to(`/${i + 1}`, status);
    answers['/3'] = (_, response) => response.end('there');
    const { lookup } = resolver([PUBLIC]);
    const got = await fetcher({ lookup }).fetchImage({ url: at('a.example.com', '/0') });
    expect(Buffer.from(got).toString()).toBe('there');
    answers['/3'] = to('/4');
    await expect(fetcher().fetchImage({ url: at(PUBLIC, '/0') })).rejects.toThrow(
      code('url_unreachable', 'more than 3 redirects'),
    );
  });
});

describe('where it will not go', () => {
  test('to a name with an address that is not public, also among good ones', async () => {
    for (const round of [
      [SECRET],
      ['::ffff:127.0.0.1'],
      [PUBLIC, SECRET],
      ['::1', PUBLIC],
      ['169.254.169.254'],
    ]) {
      const { lookup } = resolver(round);
      await expect(fetcher({ lookup }).fetchImage({ url: at('evil.example.com') })).rejects.toThrow(
        code('url_forbidden', '"evil.example.com"'),
      );
    }
    expect(asked).toEqual([]);
  });

  test('to the second answer of a name that was good the first time', async () => {
    // Every connection is closed, so that each fetch resolves the name again.
    answers['/once'] = (_, response) => response.writeHead(200, { connection: 'close' }).end('good');
    const { lookup, calls } = resolver([PUBLIC], [SECRET]);
    const { fetchImage } = fetcher({ lookup });
    expect(Buffer.from(await fetchImage({ url: at('rebind.example.com', '/once') })).toString()).toBe('good');
    expect(calls()).toBe(1);
    await expect(fetchImage({ url: at('rebind.example.com', '/once') })).rejects.toThrow(
      code('url_forbidden'),
    );
    expect(calls()).toBe(2);
  });

  test.each([
    () => at(SECRET),
    () => `//${SECRET}:${port}/a`,
    () => `http://2130706433:${port}/`,
    () => `http://[::ffff:127.0.0.1]:${port}/`,
    () => `http://localhost:${port}/`,
    () => `http://user:pass@${PUBLIC}:${port}/a`,
  ])('by redirect: %s', async (location) => {
    answers['/r'] = to(location());
    await expect(fetcher().fetchImage({ url: at(PUBLIC, '/r') })).rejects.toThrow(code('url_forbidden'));
  });

  test.each(['file:///etc/passwd', 'ftp://example.com/', 'data:image/png;base64,AAAA'])(
    'by redirect to another scheme: %s',
    async (location) => {
      answers['/r'] = to(location);
      await expect(fetcher().fetchImage({ url: at(PUBLIC, '/r') })).rejects.toThrow(code('invalid_argument'));
    },
  );

  test('by redirect to a name that is not public', async () => {
    const lookup = async (host: string) => [{ address: host.startsWith('in') ? SECRET : PUBLIC, family: 4 }];
    answers['/r'] = to(at('inside.example.com'));
    await expect(fetcher({ lookup }).fetchImage({ url: at('a.example.com', '/r') })).rejects.toThrow(
      code('url_forbidden', '"inside.example.com"'),
    );
  });

  test('to other ports than the usual ones, unless told', async () => {
    await expect(fetcher({ ports: undefined }).fetchImage({ url: at(PUBLIC) })).rejects.toThrow(
      code('url_forbidden', String(port)),
    );
    expect(await fetcher({ ports: [port] }).fetchImage({ url: at(PUBLIC) })).toHaveLength(5);
  });

  test('a name in the allow-list may be anywhere', async () => {
    const { lookup } = resolver([PUBLIC]);
    const { fetchImage } = fetcher({ lookup, allow: ['images.internal'] });
    expect(await fetchImage({ url: at('images.internal') })).toHaveLength(5);
    await expect(fetchImage({ url: at('other.example.com') })).rejects.toThrow(code('url_forbidden'));
  });
});

describe('how much and how long', () => {
  const size = 64 * KiB;
  test('exactly the limit is fine, one byte more is not: announced, streamed, compressed', async () => {
    const bytes = Buffer.alloc(size + 1);
    answers['/fits'] = (_, response) => response.end(bytes.subarray(1));
    answers['/announced'] = (_, response) =>
      response.writeHead(200, { 'content-length': 2 ** 40 }).flushHeaders();
    answers['/streamed'] = (_, response) => {
      response.write(bytes);
      response.end();
    };
    answers['/bomb'] = (_, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(64 * 2 ** 20)));
    expect(await fetcher().fetchImage({ url: at(PUBLIC, '/fits') })).toHaveLength(size);
    for (const path of ['/announced', '/streamed', '/bomb']) {
      await expect(fetcher().fetchImage({ url: at(PUBLIC, path) })).rejects.toThrow(code('url_too_large'));
    }
  });

  test('an endless answer ends at the limit', async () => {
    let closed = false;
    answers['/endless'] = (_, response) => {
      response.on('close', () => {
        closed = true;
      });
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(16 * KiB)));
      };
      response.on('drain', more);
      more();
    };
    await expect(fetcher().fetchImage({ url: at(PUBLIC, '/endless') })).rejects.toThrow(
      code('url_too_large'),
    );
    await expect.poll(() => closed).toBe(true);
  });

  test('an answer that drips, or never starts, ends in time', async () => {
    answers['/drip'] = (_, response) => {
      const timer = setInterval(() => response.write('x'), 20);
      response.on('close', () => clearInterval(timer));
    };
    answers['/silent'] = () => {};
    for (const path of ['/drip', '/silent']) {
      await expect(fetcher({ timeout: 300 }).fetchImage({ url: at(PUBLIC, path) })).rejects.toThrow(
        code('url_unreachable', 'no whole answer in time'),
      );
    }
    await expect(fetcher({ idleTimeout: 200 }).fetchImage({ url: at(PUBLIC, '/silent') })).rejects.toThrow(
      code('url_unreachable', 'UND_ERR_HEADERS_TIMEOUT'),
    );
    const never = () => new Promise<never>(() => {});
    await expect(
      fetcher({ lookup: never, timeout: 200 }).fetchImage({ url: at('slow.example.com') }),
    ).rejects.toThrow(code('url_unreachable'));
  });

  test('what breaks is unreachable, and says how', async () => {
    answers['/cut'] = (_, response) => {
      response.writeHead(200, { 'content-length': 100 }).write('some');
      setTimeout(() => response.destroy(), 20);
    };
    answers['/broken-gzip'] = (_, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('no gzip');
    answers['/zstd'] = (_, response) => response.writeHead(200, { 'content-encoding': 'zstd' }).end('x');
    for (const [path, received] of [
      ['/none', 'status 404'],
      ['/cut', 'UND_ERR_SOCKET'],
      ['/broken-gzip', 'Z_DATA_ERROR'],
      ['/zstd', 'an unknown content-encoding'],
    ] as const) {
      await expect(fetcher().fetchImage({ url: at(PUBLIC, path), field: 'image.url' })).rejects.toThrow(
        expect.objectContaining({
          code: 'url_unreachable',
          field: 'image.url',
          received,
          message: `image.url: expected a URL that answers with an image, received ${received}`,
        }),
      );
    }
    await expect(fetcher().fetchImage({ url: `http://${PUBLIC}:1/` })).rejects.toThrow(
      code('url_unreachable', 'ECONNREFUSED'),
    );
    const lookup = () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }));
    await expect(fetcher({ lookup }).fetchImage({ url: at('nowhere.example.com') })).rejects.toThrow(
      code('url_unreachable', 'ENOTFOUND'),
    );
  });

  test('the caller can leave, before and while it waits', async () => {
    answers['/silent'] = () => {};
    const left = new AbortController();
    const going = fetcher().fetchImage({ url: at(PUBLIC, '/silent'), signal: left.signal });
    await expect.poll(() => asked.length).toBe(1);
    left.abort();
    await expect(going).rejects.toThrow(code('aborted'));
    await expect(fetcher().fetchImage({ url: at(PUBLIC), signal: AbortSignal.abort() })).rejects.toThrow(
      code('aborted'),
    );
    expect(asked).toHaveLength(1);
  });

  test('a deadline of the caller says so itself, not that the caller left', async () => {
    answers['/silent'] = () => {};
    const deadline = new AbortController();
    const late = new AttractorError('deadline_exceeded', 'Too late.', { field: 'x-timeout-ms' });
    const { signal } = deadline;
    const going = fetcher().fetchImage({ url: at(PUBLIC, '/silent'), field: 'image.url', signal });
    await expect.poll(() => asked.length).toBe(1);
    deadline.abort(late);
    await expect(going).rejects.toBe(late);
    await expect(fetcher().fetchImage({ url: at(PUBLIC), signal })).rejects.toBe(late);
  });

  test('no more than so many at once, from one host and in all; the others come after', async () => {
    let [now, most] = [0, 0];
    answers['/count'] = (_, response) => {
      most = Math.max(most, ++now);
      setTimeout(() => {
        now--;
        response.end('x');
      }, 5);
    };
    const { lookup } = resolver([PUBLIC]);
    const many = (options: FetchOptions, hosts: number) => {
      most = 0;
      const { fetchImage } = fetcher({ lookup, ...options });
      const urls = Array.from({ length: 40 }, (_, i) => at(`h${i % hosts}.example.com`, '/count'));
      return Promise.all(urls.map((url) => fetchImage({ url })));
    };
    expect(await many({ perHost: 3 }, 1)).toHaveLength(40);
    expect(most).toBe(3);
    await many({ perHost: 3, total: 5 }, 10);
    expect(most).toBe(5);
  });

  test('an unknown option is refused', () => {
    expect(() => createImageFetcher({ maxSize: 3 } as FetchOptions)).toThrow(code('unknown_option'));
  });
});
