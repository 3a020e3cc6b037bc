// Bodies made to hurt: bombs under compression, JSON that is deep, crowded or poisoned, filters without end, bodies and headers
// that take for ever. Each is a 4xx, or harmless.

import { once } from 'node:events';
import { connect } from 'node:net';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openTarget, SHOP, sendRaw, statusesIn, type Target } from './target.ts';

const MiB = 2 ** 20;
const BODY = 8 * MiB;
let target: Target;
beforeAll(async () => {
  target = await openTarget({ ATTRACTOR_MAX_BODY_BYTES: String(BODY) });
});
afterEach(async () => {
  await target.answersWell();
  expect(target.errors()).toEqual([]);
});
afterAll(() => target.close());

async function post(
  body: string | Uint8Array,
  headers: Record<string, string> = {},
  path = `${SHOP}/query`,
  method = 'POST',
) {
  const response = await fetch(target.url + path, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : body.slice(),
  });
  const answer = (await response.json()) as { error?: { code: string; message: string; field?: string } };
  return { status: response.status, code: answer.error?.code, field: answer.error?.field };
}

const nested = (levels: number, open = '[', close = ']') => open.repeat(levels) + close.repeat(levels);

describe('compression', () => {
  const bomb = Buffer.alloc(256 * MiB, 0x20);
  test.each([
    ['gzip', () => gzipSync(bomb)],
    ['br', () => brotliCompressSync(bomb.subarray(0, 64 * MiB))],
    ['gzip of gzip', () => gzipSync(gzipSync(bomb))],
  ])('%s', async (encoding, bytes) => {
    const { status, code } = await post(bytes(), { 'content-encoding': encoding.split(' ')[0]! });
    expect([status, code]).toBeOneOf([
      [413, 'body_too_large'],
      [400, 'invalid_json'],
    ]);
  });
});

describe('JSON', () => {
  test.each([
    ['100,000 arrays in each other', () => `{"vector":${nested(1e5)}}`],
    ['8 MB of brackets that never close', () => '['.repeat(BODY - 1)],
    ['8 MB of braces', () => '{"a":'.repeat(1.5e6)],
    ['65 levels as filter', () => `{"id":"x","filter":${nested(65)}}`],
    ['2 million empty objects', () => `{"vector":[${'{},'.repeat(2e6)}{}]}`],
    ['a million members', () => `{${Array.from({ length: 4e5 }, (_, i) => `"k${i}":${i}`).join()}}`],
    ['one text of 8 MB as id', () => JSON.stringify({ id: 'x'.repeat(BODY - 100) })],
    ['8 MB of numbers as vector', () => `{"vector":[${'1,'.repeat(BODY / 2 - 20)}1]}`],
    ['a number of a million digits', () => `{"id":"x","limit":${'9'.repeat(1e6)}}`],
    ['an exponent without end', () => `{"id":"x","limit":1e${'9'.repeat(1e5)}}`],
    ['bytes that are no UTF-8', () => Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
    ['a byte order mark and nothing', () => '\ufeff'],
    ['NUL', () => '\0'],
  ])('%s', async (_, body) => {
    const { status } = await post(body());
    expect(status).toBeOneOf([400, 413]);
  });

  test('brackets in form fields and in the URL too', async () => {
    const deep = nested(20_000);
    const form = new FormData();
    form.append('image', new Blob([target.pictures.values().next().value!.slice()]), 'x.jpg');
    form.append('filter', `{"must":${deep}}`);
    const response = await fetch(`${target.url}${SHOP}/query`, { method: 'POST', body: form });
    expect(response.status).toBe(400);
    expect(
      (await post('{"id":"x"}', {}, `${SHOP}/query?params=${encodeURIComponent(nested(2_000))}`)).status,
    ).toBe(400);
  });
});

describe('filters', () => {
  const must = (levels: number): object =>
    levels === 0 ? { key: 'price', match: { value: 1 } } : { must: [must(levels - 1)] };
  const [id] = ['f0000-0'];
  test.each<[string, unknown]>([
    ['17 groups in each other', must(18)],
    ['60 groups in each other', must(28)],
    ['257 conditions', { must: new Array(257).fill(must(0)) }],
    [
      '10,001 values',
      { must: [{ key: 'price', match: { any: Array.from({ length: 10_001 }, (_, i) => i) } }] },
    ],
    ['100,000 brackets', '('.repeat(1e5)],
    ['100,000 NOT', `${'NOT '.repeat(1e5)}a = 1`],
    ['10,000 AND', new Array(1e4).fill('a = 1').join(' AND ')],
    ['a quote that never closes', `a = "${'x'.repeat(1e5)}`],
    ['backslashes', `a = "${'\\'.repeat(99_999)}`],
    ['spaces', ' '.repeat(1e6)],
    ['an array', [1]],
    ['a match on the prototype', { must: [{ key: '__proto__', match: { value: {} } }] }],
  ])('%s', async (_, filter) => {
    const { status, code } = await post(JSON.stringify({ id, filter }));
    expect([status, code]).toBeOneOf([
      [400, 'invalid_argument'],
      [400, 'unknown_option'],
    ]);
  });
});

test('an attribute of a megabyte is one that nobody has', async () => {
  const filter = `${'a'.repeat(1e6)} = 1`;
  expect(await post(JSON.stringify({ id: 'f0000-0', filter }))).toMatchObject({ status: 200 });
});

describe('prototypes', () => {
  const polluted = () => ['polluted', 'limit', 'with_payload', 'score_threshold'].some((name) => name in {});
  const poison = '{"polluted":true,"limit":1,"with_payload":false}';
  test.each([
    ['query', `{"id":"f0000-0","__proto__":${poison}}`],
    ['query, constructor', `{"id":"f0000-0","constructor":{"prototype":${poison}}}`],
    ['params', `{"id":"f0000-0","params":{"__proto__":${poison}}}`],
    ['filter', `{"id":"f0000-0","filter":{"__proto__":${poison}}}`],
    ['a condition', `{"id":"f0000-0","filter":{"must":[{"key":"a","match":{"__proto__":${poison}}}]}}`],
    ['recommend', `{"recommend":{"positive":["f0000-0"],"__proto__":${poison}}}`],
    ['image', `{"image":{"__proto__":${poison}}}`],
  ])('%s', async (_, body) => {
    expect((await post(body)).status).toBe(400);
  });

  test('as attributes, tags and ids they are data or refused, and nothing else changes', async () => {
    const unit = JSON.stringify(Array.from({ length: 32 }, (_, i) => (i === 0 ? 1 : 0)));
    const put = (item: string) => post(`{"items":[${item}]}`, {}, `${SHOP}/items`, 'PUT');
    expect(await put(`{"id":"p","vector":${unit},"attributes":{"__proto__":"x"}}`)).toMatchObject({
      status: 400,
      field: 'items[0].attributes.__proto__',
    });
    expect((await put(`{"id":"p","vector":${unit},"__proto__":{"group":"x"}}`)).status).toBe(400);
    const odd = { constructor: 'c', prototype: 'p', toString: 't', hasOwnProperty: 'h', valueOf: 1 };
    const item = `{"id":"constructor","vector":${unit},"tags":["__proto__"],"attributes":${JSON.stringify(odd)}}`;
    expect((await put(item)).status).toBe(200);
    const kept = await (await fetch(`${target.url}${SHOP}/items/constructor`)).json();
    expect((kept as { result: object }).result).toMatchObject({ tags: ['__proto__'], attributes: odd });
    for (const key of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
      const filter = { must: [{ key, match: { value: 'c' } }] };
      expect((await post(JSON.stringify({ id: 'constructor', filter }))).status).toBe(200);
    }
    for (const query of [
      '__proto__[limit]=1',
      '__proto__.limit=1',
      'constructor[prototype][limit]=1',
      '__proto__=1',
    ]) {
      expect((await post('{"id":"f0000-0"}', {}, `${SHOP}/query?${query}`)).status).toBe(400);
    }
    const form = new FormData();
    form.append('image', new Blob([target.pictures.values().next().value!.slice()]), 'x.jpg');
    form.append('__proto__', poison);
    expect((await fetch(`${target.url}${SHOP}/query`, { method: 'POST', body: form })).status).toBe(400);
    expect(polluted()).toBe(false);
    const whole = await post('{"id":"f0000-0"}');
    expect(whole.status).toBe(200);
  });
});

describe('slowness', () => {
  let target: Target;
  beforeAll(async () => {
    target = await openTarget({ ATTRACTOR_HEADERS_TIMEOUT_MS: '500', ATTRACTOR_REQUEST_TIMEOUT_MS: '1000' });
  });
  afterEach(async () => {
    await target.answersWell();
    expect(target.errors()).toEqual([]);
  });
  afterAll(() => target.close());

  const head = (more: string) => `POST ${SHOP}/query HTTP/1.1\r\nHost: localhost\r\n${more}`;

  /** Writes one byte every 50 ms for as long as the other side listens, or 10 s. */
  function drip(start: string): Promise<{ heard: string; ended: boolean }> {
    return new Promise((resolve) => {
      let heard = '';
      const socket = connect(target.port, '127.0.0.1', () => socket.write(start));
      const dripping = setInterval(() => socket.write('x'), 50);
      const finish = (ended: boolean) => {
        clearInterval(dripping);
        clearTimeout(enough);
        socket.destroy();
        resolve({ heard, ended });
      };
      const enough = setTimeout(() => finish(false), 10_000);
      socket.on('data', (data) => {
        heard += data.toString('latin1');
      });
      socket.on('error', () => finish(true)).on('close', () => finish(true));
    });
  }

  test('headers, bodies, chunks and forms that drip are ended, many at once', async () => {
    const json = 'Content-Type: application/json\r\n';
    const multipart = 'Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000\r\n\r\n';
    const slow = [
      head('X-Slow: '),
      head(`${json}Content-Length: 100000\r\n\r\n{"id":"`),
      head(`${json}Transfer-Encoding: chunked\r\n\r\nfffff\r\n{"id":"`),
      head(`${multipart}--b\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n`),
      'POST ',
    ];
    const all = Promise.all(Array.from({ length: 50 }, (_, i) => drip(slow[i % slow.length]!)));
    // While they drip others are served.
    await target.answersWell();
    for (const { heard, ended } of await all) {
      expect(ended).toBe(true);
      for (const status of statusesIn(heard)) expect(status).toBeOneOf([400, 408]);
    }
  }, 20_000);

  test('an import may take longer than that, if it comes; one that drips or stalls is ended', async () => {
    const csv = 'Host: localhost\r\nConnection: close\r\nContent-Type: text/csv\r\n';
    const rows = `POST ${SHOP}/import?wait=false HTTP/1.1\r\n${csv}`;
    const chunked = `${rows}Transfer-Encoding: chunked\r\n\r\n`;
    const dripped = drip(`${rows}Content-Length: 100000\r\n\r\nid,vector\n`);
    const stalled = sendRaw({ port: target.port, bytes: `${chunked}3\r\nid,\r\n`, forMs: 8000 });
    // Refused at once; what comes after the answer is nobody's import.
    const ignored = drip(`POST ${SHOP}/nowhere HTTP/1.1\r\n${csv}Content-Length: 100000\r\n\r\nid\n`);
    const line = `${'x'.repeat(1000)},1\n`;
    const socket = connect(target.port, '127.0.0.1');
    socket.write(`${chunked}a\r\nid,vector\n\r\n`);
    let heard = '';
    socket.on('data', (data) => {
      heard += data.toString('latin1');
    });
    const closed = once(socket, 'close');
    // Three times as long as a body may take.
    for (let n = 0; n < 30; n++) {
      socket.write(`${line.length.toString(16)}\r\n${line}\r\n`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    socket.write('0\r\n\r\n');
    await closed;
    expect(statusesIn(heard)).toEqual([202]);
    expect(statusesIn(await stalled)).toEqual([408]);
    for (const { heard, ended } of await Promise.all([dripped, ignored])) {
      expect(ended).toBe(true);
      for (const status of statusesIn(heard)) expect(status).toBeOneOf([404, 408]);
    }
  }, 20_000);

  test('200 connections that say nothing keep nobody out', async () => {
    const sockets = Array.from({ length: 200 }, () =>
      connect(target.port, '127.0.0.1').on('error', () => {}),
    );
    await target.answersWell();
    for (const socket of sockets) socket.destroy();
  });

  test('a client that leaves in the middle leaves nothing behind', async () => {
    const start = head('Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{"image":"');
    await Promise.all(
      Array.from({ length: 50 }, () => sendRaw({ port: target.port, bytes: start, forMs: 30 })),
    );
  });

  test('a body longer or shorter than it says', async () => {
    const json = 'Content-Type: application/json\r\n';
    const longer = await sendRaw({
      port: target.port,
      bytes: head(`${json}Content-Length: 2\r\n\r\n{"id":"f0000-0"}`),
    });
    for (const status of statusesIn(longer)) expect(status).toBe(400);
    expect(statusesIn(longer).length).toBeGreaterThan(0);
  });
});

test('large bodies that never end take the room of large ones only, and give it back', async () => {
  const json = `Content-Type: application/json\r\nContent-Length: ${8 * MiB}\r\n\r\n{"id":"`;
  const sockets = Array.from({ length: 80 }, () => {
    const socket = connect(target.port, '127.0.0.1', () =>
      socket.write(`POST ${SHOP}/query HTTP/1.1\r\nHost: localhost\r\n${json}`),
    );
    return socket.on('error', () => {});
  });
  // Only who finds no room is answered. To ask before would take the room that the last ones come for, and give it back when they are gone.
  await Promise.any(sockets.map((socket) => once(socket, 'data')));
  // One after the other; what is small is answered all the while.
  const large = JSON.stringify({ image: 'A'.repeat(7 * MiB) });
  const ask = async () =>
    (
      await fetch(`${target.url}${SHOP}/query`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: large,
      })
    ).status;
  await expect.poll(ask, { timeout: 10_000, interval: 50 }).toBe(429);
  await target.answersWell();
  for (const socket of sockets) socket.destroy();
  await expect.poll(ask, { timeout: 10_000 }).toBe(415);
});

test('the worst of these, again and again, leave memory where it was', async () => {
  const bodies = [
    '['.repeat(BODY - 1),
    `{"vector":[${'{},'.repeat(9e5)}{}]}`,
    `{"vector":[${'1,'.repeat(BODY / 2 - 20)}1]}`,
    JSON.stringify({ image: 'A'.repeat(BODY - 100) }),
  ];
  const round = () => Promise.all(bodies.map((body) => post(body)));
  // Highest of each half: when the collector comes is its own affair.
  const highest = [0, 0];
  for (let i = 0; i < 40; i++) {
    for (const { status } of await round()) expect(status).toBeOneOf([400, 413, 415]);
    const half = i < 20 ? 0 : 1;
    highest[half] = Math.max(highest[half]!, target.memory());
  }
  // The second half alone brings 600 MB. A single round takes a hundred or two while it is parsed.
  expect(highest[1]! - highest[0]!).toBeLessThan(160 * MiB);
}, 120_000);
