// Which route a path belongs to, as Express's router had it: case, slashes, methods, parameters, order.

import helmet from 'helmet';
import { expect, test } from 'vitest';
import { constantHeaders } from '../../server/http/headers.ts';
import type { Route } from '../../server/http/route.ts';
import { createTable } from '../../server/http/table.ts';

const route = (method: Route['method'], path: string): Route => ({
  method,
  path,
  handle: () => ({ result: path }),
});
const ROUTES = [
  route('get', '/items'),
  route('put', '/items'),
  route('post', '/items/delete'),
  route('get', '/items/:id'),
  route('put', '/items/:id'),
  route('get', '/items/:id/image'),
  route('get', '/samples/attribution'),
  route('get', '/samples/:file'),
];
const table = createTable(ROUTES);
const found = (method: string, path: string) => {
  const it = table.find(method, path);
  if (it === undefined) return undefined;
  return 'allow' in it ? it.allow.join() : { path: it.route.path, ...it.params };
};

test.each([
  ['GET', '/items', { path: '/items' }],
  ['HEAD', '/items', { path: '/items' }],
  ['PUT', '/items', { path: '/items' }],
  ['DELETE', '/items', 'GET,PUT,HEAD'],
  ['OPTIONS', '/items', 'GET,PUT,HEAD'],
  ['GET', '/items/7', { path: '/items/:id', id: '7' }],
  ['GET', '/items/a%2Fb%20c', { path: '/items/:id', id: 'a/b c' }],
  ['GET', '/items/7/image', { path: '/items/:id/image', id: '7' }],
  // A path that two patterns have: the method decides, then the order.
  ['POST', '/items/delete', { path: '/items/delete' }],
  ['GET', '/items/delete', { path: '/items/:id', id: 'delete' }],
  ['DELETE', '/items/delete', 'POST'],
  ['GET', '/samples/attribution', { path: '/samples/attribution' }],
  ['GET', '/samples/other', { path: '/samples/:file', file: 'other' }],
  ['POST', '/samples/attribution', 'GET,HEAD'],
  ['GET', '/Items', undefined],
  ['GET', '/items/', undefined],
  ['GET', '//items', undefined],
  ['GET', '/items//image', undefined],
  ['GET', '/items/7/image/', undefined],
  ['GET', '/', undefined],
  ['GET', '', undefined],
])('%s %s', (method, path, expected) => {
  expect(found(method, path)).toEqual(expected);
});

test('a parameter that is no valid percent-encoding is an URIError', () => {
  expect(() => table.find('GET', '/items/%zz')).toThrow(URIError);
});

test("the headers worked out once are helmet's own", () => {
  const set = (middleware: (request: never, response: never, next: () => void) => void) => {
    const headers = new Map<string, string>();
    const response = {
      setHeader: (name: string, value: string) => headers.set(name, value),
      removeHeader() {},
    };
    middleware({} as never, response as never, () => {});
    return headers;
  };
  const own = set(helmet() as never);
  expect(own.size).toBeGreaterThan(8);
  expect(set(constantHeaders(helmet()) as never)).toEqual(own);
  expect(() => constantHeaders((_request, _response, next) => next())).toThrow('expected headers');
});
