// Requests that are nearly right: valid ones with something changed in their JSON, text, form, path, query, headers or bytes.
// Number n of a seed is always the same request, so that one that fails can be sent again alone.

import { createRng, type Rng } from '../../src/math/rng.ts';

export interface FuzzRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
  /** To be written to a socket of its own as it is: no client would send it. */
  readonly raw: boolean;
}

interface Template {
  readonly method: string;
  readonly path: string;
  readonly json?: unknown;
  /** A form: text fields, and the picture under `image`. */
  readonly form?: Readonly<Record<string, string>>;
}

const DIMENSION = 32;
const vector = Array.from({ length: DIMENSION }, (_, i) => Math.sin(i + 1));
const FILTER = {
  must: [
    { key: 'price', range: { gte: 1, lt: 20 } },
    { key: 'tags', match: { any: ['odd', 'even'] } },
  ],
  must_not: [{ has_id: ['f0000-1'] }, { is_empty: { key: 'name' } }],
};
const EXPRESSION = 'price >= 2 AND (name CONTAINS "thing" OR NOT tags IN ["odd"]) AND new IS NOT NULL';

/**
 * Everything that changes something is in `fuzz`, so that `shop` can be asked afterwards. A route that is not there answers 404,
 * so this list may name those that some servers do not have.
 */
function templates(picture: Buffer): Template[] {
  const shop = '/v1/collections/shop';
  const fuzz = '/v1/collections/fuzz';
  const base64 = picture.toString('base64');
  const item = {
    id: 'a',
    group: 'g',
    tags: ['x', 'y'],
    attributes: { price: 3, name: 'n', new: true },
    vector,
  };
  return [
    { method: 'POST', path: `${shop}/query`, json: { vector, limit: 5, filter: FILTER, with_vector: true } },
    {
      method: 'POST',
      path: `${shop}/query`,
      json: { id: 'f0000-0', limit: 5, offset: 3, filter: EXPRESSION },
    },
    {
      method: 'POST',
      path: `${shop}/query`,
      json: { query: vector, params: { exact: true, hnsw_ef: 50, explain: true } },
    },
    {
      method: 'POST',
      path: `${shop}/query`,
      json: { id: 'f0000-0', score_threshold: 0.1, mmr: { diversity: 0.5, candidates_limit: 20 } },
    },
    {
      method: 'POST',
      path: `${shop}/query`,
      json: { recommend: { positive: ['f0000-0', vector], negative: ['f0001-0'], strategy: 'best_score' } },
    },
    {
      method: 'POST',
      path: `${shop}/query/groups`,
      json: { id: 'f0000-0', limit: 4, group_size: 2, group_by: 'group' },
    },
    { method: 'POST', path: `${shop}/query`, json: { image: { base64 }, limit: 2 } },
    { method: 'POST', path: `${shop}/query`, json: { image: { url: 'http://127.0.0.1:9/a.png' } } },
    {
      method: 'POST',
      path: `${shop}/query`,
      form: { limit: '3', filter: EXPRESSION, params: '{"exact":true}' },
    },
    { method: 'POST', path: `${shop}/query/groups?limit=3`, form: { group_size: '2' } },
    {
      method: 'PUT',
      path: `${fuzz}/items`,
      json: { items: [item, { ...item, id: 'b', vector: undefined, image: base64 }] },
    },
    { method: 'PUT', path: `${fuzz}/items`, json: { items: [{ ...item, id: 'c' }] } },
    { method: 'PUT', path: `${fuzz}/items/d`, form: { item: JSON.stringify({ group: 'g', tags: ['t'] }) } },
    { method: 'POST', path: `${fuzz}/items/delete`, json: { ids: ['a', 'b', 'nobody'] } },
    { method: 'DELETE', path: `${fuzz}/items/c` },
    { method: 'PUT', path: fuzz, json: { model: 'tiny' } },
    { method: 'DELETE', path: fuzz },
    { method: 'GET', path: `${shop}/items/f0000-0?with_vector=true` },
    { method: 'GET', path: `${shop}/items/f0000-0/image` },
    { method: 'GET', path: shop },
    { method: 'GET', path: '/v1/collections' },
    { method: 'GET', path: '/healthz' },
    { method: 'GET', path: '/metrics' },
    { method: 'GET', path: '/openapi.json' },
    {
      method: 'POST',
      path: `${shop}/query/batch`,
      json: {
        searches: [
          { id: 'f0000-0', limit: 2 },
          { vector, filter: FILTER },
        ],
      },
    },
    {
      method: 'POST',
      path: `${shop}/recommend`,
      json: { positive: ['f0000-0'], negative: [vector], limit: 3 },
    },
    {
      method: 'POST',
      path: `${shop}/scroll`,
      json: { limit: 5, offset: 'f0000-1', filter: EXPRESSION, with_payload: true },
    },
    { method: 'POST', path: `${shop}/count`, json: { filter: FILTER, exact: true } },
    { method: 'POST', path: `${shop}/facet`, json: { key: 'tags', limit: 3, filter: FILTER } },
    {
      method: 'POST',
      path: '/v1/embeddings',
      json: { input: [`data:image/jpeg;base64,${base64}`], model: 'tiny' },
    },
    {
      method: 'POST',
      path: `${fuzz}/items/patch`,
      json: { ids: ['a'], attributes: { price: 4, old: null }, tags: ['z'] },
    },
    { method: 'PATCH', path: `${fuzz}/items/a`, json: { group: 'h', attributes: { price: 5 } } },
    {
      method: 'POST',
      path: '/collections/shop/points/query',
      json: { query: vector, limit: 3, filter: FILTER, with_payload: true },
    },
    {
      method: 'PUT',
      path: '/collections/fuzz/points',
      json: { points: [{ id: 1, vector, payload: { price: 2 } }] },
    },
    { method: 'GET', path: '/v1/tasks?limit=3' },
    { method: 'GET', path: '/v1/models' },
    { method: 'GET', path: '/docs/api' },
    { method: 'GET', path: '/app.js' },
  ];
}

const ODD_TEXTS = [
  ...[
    '',
    ' ',
    '\0',
    '__proto__',
    'constructor',
    'toString',
    '..',
    '../../etc/passwd',
    '%00',
    '%',
    'é',
    '🪑',
    '\ud800',
    '\u202e',
  ],
  ...[
    'null',
    'true',
    'NaN',
    '-1',
    '1e999',
    "' OR 1=1 --",
    '<script>',
    '{{7*7}}',
    'a'.repeat(300),
    'a'.repeat(70_000),
    '\r\nX: 1',
  ],
  ...[
    'data:image/png;base64,',
    'http://169.254.169.254/',
    'http://[::1]/',
    'file:///etc/passwd',
    'price >',
    '((((',
    'a = "',
    'NOT NOT',
  ],
];
const ODD_NUMBERS = [
  0,
  -0,
  -1,
  0.5,
  1e308,
  -1e308,
  5e-324,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  1001,
  10_001,
  1e9,
  3.4e38,
  3.5e38,
];

const pick = <T>(rng: Rng, of: readonly T[]): T => of[rng.int(of.length)]!;

function oddValue(rng: Rng, depth = 0): unknown {
  switch (rng.int(depth > 2 ? 5 : 9)) {
    case 0:
      return null;
    case 1:
      return rng.next() < 0.5;
    case 2:
      return pick(rng, ODD_NUMBERS);
    case 3:
    case 4:
      return pick(rng, ODD_TEXTS);
    case 5:
      return Array.from({ length: rng.int(4) }, () => oddValue(rng, depth + 1));
    case 6:
      return Object.fromEntries(
        Array.from({ length: rng.int(4) }, () => [
          pick(rng, ODD_TEXTS).slice(0, 40),
          oddValue(rng, depth + 1),
        ]),
      );
    case 7: {
      let nested: unknown = 1;
      for (let i = rng.int(100); i > 0; i--) nested = rng.next() < 0.5 ? [nested] : { must: nested };
      return nested;
    }
    default:
      return new Array(rng.int(2000)).fill(pick(rng, ODD_NUMBERS));
  }
}

/** A copy with one place in it changed. */
function mutateJson(rng: Rng, value: unknown): unknown {
  if (rng.next() < 0.25 || typeof value !== 'object' || value === null) {
    return rng.next() < 0.8 ? oddValue(rng) : [value, value];
  }
  if (Array.isArray(value)) {
    const copy = [...value];
    const at = rng.int(copy.length + 1);
    if (copy.length > 0 && rng.next() < 0.6) copy[at % copy.length] = mutateJson(rng, copy[at % copy.length]);
    else if (rng.next() < 0.5) copy.splice(at, 1);
    else copy.splice(at, 0, oddValue(rng));
    return copy;
  }
  const entries = Object.entries(value);
  const at = rng.int(entries.length + 1);
  const chosen = entries[at];
  const luck = rng.next();
  if (chosen && luck < 0.7) entries[at] = [chosen[0], mutateJson(rng, chosen[1])];
  else if (chosen && luck < 0.8) entries.splice(at, 1);
  else if (chosen && luck < 0.88) entries[at] = [pick(rng, ODD_TEXTS).slice(0, 40), chosen[1]];
  else
    entries.push([
      pick(rng, ['limit', 'filter', 'image', 'id', 'vector', ...ODD_TEXTS]).slice(0, 40),
      oddValue(rng),
    ]);
  return Object.fromEntries(entries);
}

/** A few bytes flipped, dropped, doubled, put in, or the end cut off. */
function mutateBytes(rng: Rng, bytes: Buffer): Buffer {
  let out = Buffer.from(bytes);
  for (let i = 1 + rng.int(4); i > 0 && out.length > 0; i--) {
    const at = rng.int(out.length);
    const length = 1 + rng.int(Math.min(16, out.length - at));
    switch (rng.int(5)) {
      case 0:
        out[at] = rng.int(256);
        break;
      case 1:
        out = Buffer.concat([out.subarray(0, at), out.subarray(at + length)]);
        break;
      case 2:
        out = Buffer.concat([out.subarray(0, at + length), out.subarray(at)]);
        break;
      case 3:
        out = Buffer.concat([out.subarray(0, at), Buffer.from(pick(rng, ODD_TEXTS)), out.subarray(at)]);
        break;
      default:
        out = out.subarray(0, at);
    }
  }
  return out;
}

function mutatePath(rng: Rng, path: string): string {
  const odd = () =>
    encodeURIComponent(
      pick(rng, ODD_TEXTS)
        .slice(0, 200)
        .replace(/[\ud800-\udfff]/g, '?'),
    );
  const [plain, query = ''] = path.split('?');
  switch (rng.int(5)) {
    case 0: {
      const parts = plain!.split('/');
      parts[1 + rng.int(parts.length - 1)] = odd();
      return parts.join('/') + (query && `?${query}`);
    }
    case 1:
      return `${plain}/${odd()}`;
    case 2:
      return `${plain}?${query}&${pick(rng, ['limit', 'filter', 'params', 'with_vector', odd()])}=${odd()}`;
    case 3:
      return plain!.split('/').slice(0, -1).join('/') || '/';
    default:
      return `${plain}?${Array.from({ length: rng.int(30) }, () => `${odd()}=${odd()}`).join('&')}`;
  }
}

const HEADERS: [name: string, values: string[]][] = [
  [
    'content-type',
    [
      'application/json',
      'application/json; charset=utf-16',
      'text/plain',
      'multipart/form-data',
      'multipart/form-data; boundary=',
      'x',
      'application/json;charset=',
    ],
  ],
  ['content-encoding', ['gzip', 'br', 'deflate', 'identity', 'snappy', 'gzip, gzip']],
  ['x-request-id', ['a', 'a b', 'x'.repeat(200), '"}{']],
  ['api-key', ['x', 'ak_x', '']],
  ['authorization', ['Bearer', 'Bearer x', 'Basic eA==']],
  ['accept', ['text/html', '*/*;q=x']],
  ['if-none-match', ['"x"', '*', 'W/"']],
  ['if-match', ['"x"', '*']],
  ['if-unmodified-since', ['Thu, 01 Jan 1970 00:00:00 GMT', 'x']],
  ['range', ['bytes=0-', 'bytes=9-1', 'x']],
  ['x-forwarded-for', ['127.0.0.1', 'x, y']],
  ['origin', ['null', 'https://evil.example.com']],
  ['x-timeout-ms', ['0', '-1', 'x', '1e9']],
  ['idempotency-key', ['a', 'x'.repeat(500)]],
];

function form(
  rng: Rng,
  fields: Readonly<Record<string, string>>,
  picture: Buffer,
  changed: boolean,
): { body: Buffer; type: string } {
  const boundary = 'x-fuzz-boundary';
  const parts: Buffer[] = [];
  const part = (head: string, content: Buffer) =>
    parts.push(
      Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; ${head}\r\n\r\n`),
      content,
      Buffer.from('\r\n'),
    );
  const entries = Object.entries(fields);
  if (changed && rng.next() < 0.5) {
    const at = rng.int(entries.length);
    entries[at] = [
      rng.next() < 0.7 ? entries[at]![0] : pick(rng, ODD_TEXTS).slice(0, 40),
      pick(rng, ODD_TEXTS),
    ];
  }
  for (const [name, value] of entries) part(`name="${name}"`, Buffer.from(value));
  const name = changed && rng.next() < 0.2 ? pick(rng, ODD_TEXTS).slice(0, 60) : 'x.jpg';
  const image = changed && rng.next() < 0.5 ? mutateBytes(rng, picture) : picture;
  part(`name="${changed && rng.next() < 0.1 ? 'file' : 'image'}"; filename="${name}"`, image);
  if (!changed || rng.next() < 0.9) parts.push(Buffer.from(`--${boundary}--\r\n`));
  const body = Buffer.concat(parts);
  return {
    body: changed && rng.next() < 0.2 ? mutateBytes(rng, body) : body,
    type: `multipart/form-data; boundary=${changed && rng.next() < 0.05 ? 'other' : boundary}`,
  };
}

/** Number `n` of the sequence of `seed`; `pictures` are small and read often. */
export function fuzzRequest(options: { seed: number; n: number; pictures: readonly Buffer[] }): FuzzRequest {
  const { seed, n, pictures } = options;
  const rng = createRng(seed * 2 ** 24 + n);
  const picture = pick(rng, pictures);
  const all = templates(picture);
  const template = pick(rng, all);
  const headers: Record<string, string> = {};
  let { method, path } = template;
  let body: Buffer | undefined;
  if (template.json !== undefined) {
    let json: unknown = template.json;
    for (let i = rng.int(3); i > 0; i--) json = mutateJson(rng, json);
    body = Buffer.from(JSON.stringify(json) ?? 'null');
    if (rng.next() < 0.2) body = mutateBytes(rng, body);
    headers['content-type'] = 'application/json';
  } else if (template.form) {
    const made = form(rng, template.form, picture, rng.next() < 0.8);
    body = made.body;
    headers['content-type'] = made.type;
  }
  if (rng.next() < 0.2) path = mutatePath(rng, path);
  // What changes things may only do so to `fuzz`.
  if (rng.next() < 0.05 && !path.includes('shop'))
    method = pick(rng, ['GET', 'PUT', 'POST', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS']);
  for (let i = rng.int(3); i > 0 && rng.next() < 0.3; i--) {
    const [name, values] = pick(rng, HEADERS);
    headers[name] = pick(rng, values);
  }
  const raw = rng.next() < 0.05;
  return { method, path, headers, body, raw };
}

/** As it stands on the wire, with its head damaged too. */
export function rawBytes(options: { request: FuzzRequest; seed: number; n: number }): Buffer {
  const { method, path, headers, body = Buffer.alloc(0) } = options.request;
  const rng = createRng(options.seed * 2 ** 24 + options.n + 2 ** 23);
  const lines = Object.entries({
    host: 'localhost',
    connection: 'close',
    'content-length': String(body.length),
    ...headers,
  });
  const head = `${method} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  return Buffer.concat([mutateBytes(rng, Buffer.from(head)), body]);
}
