// Every way to make the server fetch what it must not: spelled hosts, redirects, names that change their mind. 127.0.0.2 is the
// attacker's own public host here (the allow-list names it); the service inside listens on 127.0.0.1 and counts its visitors.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createImageFetcher, type ImageFetcher } from '../../src/fetch/fetch-image.ts';
import { openShop, type TestShop } from '../http/shop.ts';
import { openTarget, SHOP, type Target } from './target.ts';

const PUBLIC = '127.0.0.2';
let target: Target;
let inside: Server;
let outside: Server;
let port: number;
const visits: string[] = [];
let redirectTo = '';
let outsideAsked = 0;

beforeAll(async () => {
  inside = createServer((request, response) => {
    visits.push(request.url!);
    response.end(target.pictures.values().next().value);
  });
  await new Promise<void>((resolve) => inside.listen(0, '127.0.0.1', resolve));
  port = (inside.address() as AddressInfo).port;
  outside = createServer((request, response) => {
    outsideAsked++;
    // Closed, so that the next fetch has to ask for the name again.
    response.setHeader('connection', 'close');
    if (request.url === '/good') response.end(target.pictures.values().next().value);
    else response.writeHead(302, { location: redirectTo }).end();
  });
  await new Promise<void>((resolve, reject) => outside.once('error', reject).listen(port, PUBLIC, resolve));
  target = await openTarget({ ATTRACTOR_URL_ALLOW: PUBLIC, ATTRACTOR_URL_PORTS: 'any' });
});
afterEach(async () => {
  expect(visits).toEqual([]);
  await target.answersWell();
  expect(target.errors()).toEqual([]);
});
afterAll(async () => {
  await target?.close();
  for (const server of [inside, outside]) {
    server?.closeAllConnections();
    server?.close();
  }
});

const query = async (url: string, at = target.url) => {
  const response = await fetch(`${at}${SHOP}/query`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ image: { url } }),
  });
  const { error } = (await response.json()) as { error?: { code: string; message: string } };
  return { status: response.status, code: error?.code, message: error?.message };
};

/** Spellings of 127.0.0.1 and of other places that are nobody's business. */
const hosts = [
  ...[
    '127.0.0.1',
    '127.1',
    '127.0.1',
    '2130706433',
    '0x7f000001',
    '0x7f.0.0.1',
    '0177.0.0.1',
    '017700000001',
    '0',
  ],
  ...[
    '127.0.0.1.',
    '%31%32%37.0.0.1',
    '１２７.０.０.１',
    '①②⑦.0.0.1',
    '127。0。0。1',
    'localhost',
    'LOCALHOST.',
    'a.localhost',
  ],
  ...[
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[0:0:0:0:0:ffff:127.0.0.1]',
    '[::127.0.0.1]',
  ],
  ...[
    '[64:ff9b::127.0.0.1]',
    '[2002:7f00:1::]',
    '[fe80::1]',
    '[fd00:ec2::254]',
    '169.254.169.254',
    '2852039166',
  ],
  ...[
    '0xa9fea9fe',
    '[::ffff:169.254.169.254]',
    '100.100.100.200',
    '168.63.129.16',
    '10.0.0.1',
    '192.168.0.1',
    '172.16.0.1',
  ],
  ...[
    'metadata.google.internal',
    'router.local',
    'intranet',
    `${PUBLIC}@127.0.0.1`,
    `user:pass@${PUBLIC}`,
    `127.0.0.1#@${PUBLIC}`,
  ],
  ...[
    `127.0.0.1\\@${PUBLIC}`,
    `127.0.0.1%00.example.com`,
    `127.0.0.1%0d%0aHost:x`,
    '127.0.0.1\t',
    '127.0.0.3',
    '255.255.255.255',
  ],
];

test('the good case works, or nothing below would show anything', async () => {
  expect(await query(`http://${PUBLIC}:${port}/good`)).toMatchObject({ status: 200 });
});

describe('a host straight in the URL', () => {
  test.each(hosts)('%s', async (host) => {
    const { status, code } = await query(`http://${host}${host.includes('#') ? '' : `:${port}`}/secret`);
    expect([400, 422]).toContain(status);
    expect(['url_forbidden', 'invalid_argument']).toContain(code);
  });

  test.each([
    'file:///etc/passwd',
    'gopher://127.0.0.1:25/x',
    'dict://127.0.0.1/',
    'ftp://127.0.0.1/',
    'jar:http://x!/',
    'data:,x',
  ])('%s', async (url) => expect(await query(url)).toMatchObject({ status: 400, code: 'invalid_argument' }));
});

describe('a redirect from the public host', () => {
  test.each(hosts)('to %s', async (host) => {
    redirectTo = `http://${encodeURI(host)}${host.includes('#') ? '' : `:${port}`}/secret`;
    const before = outsideAsked;
    const { status, code } = await query(`http://${PUBLIC}:${port}/away`);
    expect(outsideAsked).toBe(before + 1);
    expect([400, 422]).toContain(status);
    expect(['url_forbidden', 'invalid_argument']).toContain(code);
  });

  test.each(['file:///etc/passwd', 'gopher://127.0.0.1/x', '//127.0.0.1/secret'])('to %s', async (url) => {
    redirectTo = url;
    expect((await query(`http://${PUBLIC}:${port}/away`)).status).toBeOneOf([400, 422]);
  });

  test('in a circle ends', async () => {
    redirectTo = '/away';
    expect(await query(`http://${PUBLIC}:${port}/away`)).toMatchObject({
      status: 422,
      code: 'url_unreachable',
    });
  });

  test('of an item is refused as that of a query is', async () => {
    redirectTo = `http://127.0.0.1:${port}/secret`;
    const response = await fetch(`${target.url}${SHOP}/items`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ items: [{ id: 'x', image: { url: `http://${PUBLIC}:${port}/away` } }] }),
    });
    const { result } = (await response.json()) as { result: { items: { error: { code: string } }[] } };
    expect(result.items[0]!.error.code).toBe('url_forbidden');
  });
});

describe('a name that changes its mind', () => {
  let shop: TestShop;
  let fetcher: ImageFetcher;
  let listening: Server;
  let url: string;
  let rounds: string[][] = [];
  const lookup = async () =>
    (rounds.shift() ?? ['127.0.0.1']).map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

  beforeAll(async () => {
    fetcher = createImageFetcher({ allow: [PUBLIC], ports: null, lookup });
    shop = await openShop({ urls: { fetcher } });
    listening = shop.app.listen(0, '127.0.0.1');
    await new Promise((resolve) => listening.once('listening', resolve));
    url = `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    await fetcher?.close();
    listening?.closeAllConnections();
    listening?.close();
    await shop?.close();
  });

  test('good for the first fetch, inside for the second', async () => {
    rounds = [[PUBLIC]];
    const name = `http://rebind.example.com:${port}/good`;
    // A picture beyond this shop's limits: that it came is what counts.
    expect((await query(name, url)).code).not.toBe('url_forbidden');
    expect(await query(name, url)).toMatchObject({ status: 422, code: 'url_forbidden' });
  });

  test.each([
    [['127.0.0.1']],
    [[PUBLIC, '127.0.0.1']],
    [['127.0.0.1', PUBLIC]],
    [['::1']],
    [['::ffff:127.0.0.1']],
    [['0.0.0.0']],
    [['169.254.169.254']],
    [['fd00:ec2::254', PUBLIC]],
  ])('answers %j', async (addresses) => {
    rounds = [addresses];
    const host = `n${addresses.join('').replace(/\W/g, '')}.example.com`;
    expect(await query(`http://${host}:${port}/secret`, url)).toMatchObject({
      status: 422,
      code: 'url_forbidden',
    });
  });
});
