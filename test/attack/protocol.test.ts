// Paths, headers and keys made to hurt, sent as bytes where a client would not send them: traversal, CRLF, smuggling, keys that are
// wrong, missing or absurd.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openTarget, SHOP, sendRaw, statusesIn, type Target } from './target.ts';

const KEY = 'the-admin-key-of-the-attack-tests-0123456789';
let target: Target;
beforeAll(async () => {
  target = await openTarget({ ATTRACTOR_ADMIN_KEY: KEY });
});
afterEach(async () => {
  await target.answersWell();
  expect(target.errors()).toEqual([]);
});
afterAll(() => target.close());

/** One request as written, with the key unless told otherwise. */
async function raw(
  line: string,
  headers = `api-key: ${KEY}\r\n`,
  body = '',
): Promise<{ status: number; heard: string }> {
  const bytes = `${line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${headers}\r\n${body}`;
  const heard = await sendRaw({ port: target.port, bytes: Buffer.from(bytes, 'latin1') });
  return { status: statusesIn(heard)[0] ?? 0, heard };
}

describe('paths', () => {
  const paths = [
    ...[
      '/../../../../etc/passwd',
      '/..%2f..%2f..%2fetc%2fpasswd',
      '/%2e%2e/%2e%2e/etc/passwd',
      '/....//....//etc/passwd',
    ],
    ...[
      '/..\\..\\etc\\passwd',
      '/%5c..%5c..%5cetc%5cpasswd',
      '//etc/passwd',
      '/./etc/passwd',
      '/%00',
      '/app.js%00.html',
    ],
    ...[
      '/.git/config',
      '/../server.ts',
      '/package.json',
      '/../package.json',
      '/%252e%252e%252fetc%252fpasswd',
      '/~root',
    ],
    ...[
      '/samples/..%2f..%2fpackage.json',
      '/samples/..',
      '/docs/..%2f..%2fpackage.json',
      '/docs/../../package.json',
    ],
    ...[
      '/v1/collections/..%2f..%2fkeys.db',
      '/v1/collections/.',
      '/v1/collections/%2e%2e',
      '/v1/collections/shop%00',
    ],
    ...[
      `${SHOP}/items/..%2f..%2f..%2fattractor.db`,
      `${SHOP}/items/../../../x`,
      `${SHOP}/items/%2e%2e/image`,
    ],
    ...[
      `${SHOP}/items/..%2f..%2f..%2f..%2fetc%2fpasswd/image`,
      `${SHOP}/items/%00/image`,
      `${SHOP}/items/%ff%fe`,
      `${SHOP}/items/%`,
    ],
    ...[
      `${SHOP}/items/${'a'.repeat(8000)}`,
      `/${'../'.repeat(2000)}etc/passwd`,
      `/${'a/'.repeat(4000)}`,
      `/?${'a=1&'.repeat(3000)}`,
    ],
    ...[
      '*',
      'http://127.0.0.1:1/x',
      'http://user@evil/v1/collections',
      '/v1/collections;x=1',
      '/v1//collections',
      '/v1/collections/',
    ],
  ];
  test.each(paths.map((path) => [path.slice(0, 80), path] as const))('%s', async (_, path) => {
    for (const method of ['GET', 'DELETE', 'PUT']) {
      // A PUT or DELETE of the shop itself would be honest work.
      const { status, heard } = await raw(`${method} ${path}`);
      expect(status).toBeGreaterThanOrEqual(200);
      expect(status).toBeLessThan(500);
      expect(heard).not.toMatch(/root:x:|"version"|SQLite format|\[core\]/);
      if (method !== 'GET') expect([method, path, status]).not.toEqual([method, path, 201]);
    }
  });

  test('ids that look like paths are ids', async () => {
    const headers = { 'api-key': KEY, 'content-type': 'application/json' };
    const vector = Array.from({ length: 32 }, (_, i) => (i === 1 ? 1 : 0));
    const ids = [
      '../../../etc/passwd',
      '/etc/passwd',
      '..\\..\\x',
      'a/../b',
      '%2e%2e%2f',
      '%00',
      'CON',
      'a'.repeat(256),
      '<script>',
      "'; DROP TABLE item; --",
    ];
    const put = await fetch(`${target.url}${SHOP}/items`, {
      method: 'PUT',
      headers,
      body: JSON.stringify({ items: ids.map((id) => ({ id, vector })) }),
    });
    expect(put.status).toBe(200);
    for (const id of ids) {
      const got = await fetch(`${target.url}${SHOP}/items/${encodeURIComponent(id)}`, { headers });
      expect(((await got.json()) as { result: { id: string } }).result.id).toBe(id);
    }
    const gone = await fetch(`${target.url}${SHOP}/items/delete`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ ids }),
    });
    expect(await gone.json()).toMatchObject({ result: { deleted: ids.length } });
  });

  test.each(['../x', '..', 'a/b', 'a\\b', 'a b', 'é', '__proto__', '', 'x'.repeat(65)])(
    'a collection called %j is not made',
    async (name) => {
      const { status } = await fetch(`${target.url}/v1/collections/${encodeURIComponent(name)}`, {
        method: 'PUT',
        headers: { 'api-key': KEY },
      });
      expect(status).toBeOneOf([400, 404, 405]);
    },
  );
});

describe('headers', () => {
  test('CRLF in what is echoed makes no header', async () => {
    for (const path of [
      `${SHOP}/items/a%0d%0aX-Evil:%201`,
      `/v1/collections/a%0d%0aX-Evil:%201`,
      '/%0d%0aX-Evil:%201',
    ]) {
      const { status, heard } = await raw(`GET ${path}`);
      expect(status).toBeOneOf([400, 404]);
      expect(heard.split('\r\n\r\n')[0]).not.toMatch(/^X-Evil/im);
    }
    const { heard } = await raw('GET /healthz', 'x-request-id: a%0d%0aX-Evil: 1\r\nx-request-id: b\r\n');
    expect(heard).not.toMatch(/^X-Evil/im);
  });

  test('a request id that is not sane is replaced, and cannot forge a line of the log', async () => {
    for (const id of ['a b', '"}{"level":60', 'x'.repeat(500), '../x', '\x01', 'é']) {
      const { heard } = await raw('GET /healthz', `x-request-id: ${id}\r\n`);
      const given = /^x-request-id: (.*)\r$/im.exec(heard)?.[1];
      if (given !== undefined) expect(given).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  test.each([
    ['two lengths', 'Content-Length: 2\r\nContent-Length: 3\r\n', '{}'],
    ['a length and chunks', 'Content-Length: 2\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'],
    ['chunks of nonsense', 'Transfer-Encoding: chunked\r\n', 'zz\r\n{}\r\n'],
    ['a negative length', 'Content-Length: -1\r\n', ''],
    ['a length that is no number', 'Content-Length: 1e9\r\n', ''],
    ['chunked twice', 'Transfer-Encoding: chunked, chunked\r\n', '0\r\n\r\n'],
    ['a header without a name', ': x\r\n', ''],
    ['a header with a space before the colon', 'X-A : x\r\n', ''],
    ['a folded header', 'X-A: x\r\n y\r\n', ''],
    ['a NUL', 'X-A: \0\r\n', ''],
    ['64 KB of header', `X-A: ${'x'.repeat(65_536)}\r\n`, ''],
    ['2,000 headers', Array.from({ length: 2000 }, (_, i) => `X-${i}: ${i}\r\n`).join(''), ''],
    ['Expect', 'Expect: 200-ok\r\nContent-Length: 2\r\n', '{}'],
    ['an upgrade', 'Connection: upgrade\r\nUpgrade: websocket\r\n', ''],
    [
      'a type of a megabyte of spaces',
      `Content-Type: application/json;${' '.repeat(8000)}x\r\nContent-Length: 2\r\n`,
      '{}',
    ],
    [
      'a boundary that is a pattern',
      'Content-Type: multipart/form-data; boundary=(.*)+\r\nContent-Length: 2\r\n',
      '--',
    ],
    [
      'a boundary of 8 KB',
      `Content-Type: multipart/form-data; boundary=${'b'.repeat(8000)}\r\nContent-Length: 2\r\n`,
      '--',
    ],
  ])('%s', async (_, headers, body) => {
    const { heard } = await raw(`POST ${SHOP}/query`, `api-key: ${KEY}\r\n${headers}`, body);
    for (const status of statusesIn(heard)) {
      expect(status).toBeGreaterThanOrEqual(200);
      expect(status).toBeLessThan(500);
    }
  });

  test('a request behind another is not believed to be part of it', async () => {
    const first = `POST ${SHOP}/query HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\napi-key: ${KEY}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const heard = await sendRaw({
      port: target.port,
      bytes: `${first}0\r\n\r\nDELETE ${SHOP} HTTP/1.1\r\nHost: x\r\napi-key: ${KEY}\r\n\r\n`,
    });
    expect(statusesIn(heard)).toEqual([400]);
    const parts = 'form-data; name="image"; filename="a\r\nX-Evil: 1"';
    const form = `--b\r\nContent-Disposition: ${parts}\r\n\r\nx\r\n--b--\r\n`;
    const headers = `api-key: ${KEY}\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: ${form.length}\r\n`;
    expect((await raw(`POST ${SHOP}/query`, headers, form)).status).toBeOneOf([400, 415]);
  });

  test.each(['TRACE', 'CONNECT', 'OPTIONS', 'PROPFIND', 'FOO', 'get', 'DEBUG'])(
    'method %s',
    async (method) => {
      const { heard } = await raw(`${method} ${SHOP}`);
      for (const status of statusesIn(heard)) expect(status).toBeOneOf([400, 404, 405]);
    },
  );

  test('what is no HTTP', async () => {
    for (const bytes of [
      '\x16\x03\x01\x02\0\x01\0',
      'SSH-2.0-x\r\n',
      '\0'.repeat(1000),
      'GET\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    ]) {
      for (const status of statusesIn(
        await sendRaw({ port: target.port, bytes: Buffer.from(bytes, 'latin1'), forMs: 500 }),
      )) {
        expect(status).toBeLessThan(500);
      }
    }
  });
});

describe('keys', () => {
  const wrong = [
    ...[
      '',
      'x',
      KEY.slice(0, -1),
      `${KEY}x`,
      KEY.toUpperCase(),
      ` ${KEY} x`,
      `${KEY}\0`,
      'x'.repeat(8000),
      'null',
      'undefined',
    ],
    ...[
      "' OR 1=1 --",
      '__proto__',
      'constructor',
      '\xff\xfe',
      '0',
      'true',
      '[object Object]',
      'admin',
      'ak_',
      '*',
      '%00',
    ],
  ];
  test.each(wrong.map((key) => [key.slice(0, 60), key] as const))('%j', async (_, key) => {
    for (const header of [
      `api-key: ${key}`,
      `Authorization: Bearer ${key}`,
      `Authorization: ${key}`,
      `api-key: ${key}\r\napi-key: ${KEY}`,
    ]) {
      const { status } = await raw(`GET ${SHOP}`, `${header}\r\n`);
      expect(status).toBeOneOf([400, 401]);
    }
  });

  test('in other places they are not looked for', async () => {
    for (const [line, headers] of [
      [`GET ${SHOP}?api-key=${KEY}`, ''],
      [`GET ${SHOP}?api_key=${KEY}`, ''],
      [`GET ${SHOP}`, `Cookie: api-key=${KEY}\r\n`],
      [`GET ${SHOP}`, `X-Api-Key: ${KEY}\r\n`],
      [`GET ${SHOP}`, 'X-Forwarded-For: 127.0.0.1\r\nX-Real-IP: 127.0.0.1\r\nForwarded: for=127.0.0.1\r\n'],
      [`GET ${SHOP}`, 'X-HTTP-Method-Override: GET\r\nX-Original-URL: /healthz\r\n'],
      [`HEAD ${SHOP}`, ''],
      [`DELETE ${SHOP}`, ''],
    ]) {
      expect((await raw(line!, headers)).status).toBe(401);
    }
  });
});
