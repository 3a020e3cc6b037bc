// The environment as settings: defaults, bounds, and one sentence per mistake.

import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { parseConfig } from '../../server/config.ts';

const cwd = '/somewhere';
const PACKAGE = resolve(import.meta.dirname, '../..');

test('an empty environment gives the defaults; data starts from the working folder, models from the package', () => {
  expect(parseConfig({ env: {}, cwd })).toEqual({
    port: 3000,
    host: '127.0.0.1',
    data: '/somewhere/data',
    models: join(PACKAGE, 'models'),
    model: 'furniture',
    demo: true,
    logLevel: 'info',
    accessLog: false,
    embed: {
      precision: 'fp32',
      processes: undefined,
      maxBatch: undefined,
      maxBulkBatch: undefined,
      maxDelay: undefined,
      maxQueue: 128,
      maxBulkQueue: 2048,
      timeout: 60_000,
      recycleAfter: 100_000,
    },
    ef: 100,
    auditEvery: 100,
    limits: {
      bodyBytes: 32 * 2 ** 20,
      imageBytes: 20 * 2 ** 20,
      imagePixels: 100e6,
      itemsPerCall: 256,
      importBytes: 4 * 1024 ** 3,
    },
    edge: { callsPerMinute: 0, trustProxy: 0, corsOrigins: [], publicImages: false },
    adminKey: undefined,
    insecure: false,
    timeouts: { headers: 20_000, request: 120_000 },
    urls: { allow: [], ports: [80, 443], timeout: 15_000, callBytes: 128 * 2 ** 20 },
  });
});

test('values are typed, and absolute paths stay', () => {
  const env = {
    PORT: '0',
    ATTRACTOR_DATA: '/d',
    ATTRACTOR_MODELS: 'm',
    ATTRACTOR_DEMO: 'false',
    HOME: '/root',
  };
  expect(parseConfig({ env, cwd })).toMatchObject({
    port: 0,
    data: '/d',
    models: join(PACKAGE, 'm'),
    demo: false,
  });
});

test('lists are words between commas', () => {
  const env = {
    ATTRACTOR_CORS_ORIGINS: 'https://shop.example.com, http://localhost:5173',
    ATTRACTOR_URL_ALLOW: '10.0.0.0/8,images.internal',
    ATTRACTOR_URL_PORTS: '80, 8080',
  };
  expect(parseConfig({ env, cwd })).toMatchObject({
    edge: { corsOrigins: ['https://shop.example.com', 'http://localhost:5173'] },
    urls: { allow: ['10.0.0.0/8', 'images.internal'], ports: [80, 8080] },
  });
  expect(parseConfig({ env: { ATTRACTOR_URL_PORTS: 'any' }, cwd }).urls!.ports).toBeNull();
  expect(parseConfig({ env: { ATTRACTOR_URL_FETCH: 'false' }, cwd }).urls).toBeUndefined();
});

test.each([
  [
    'ATTRACTOR_CORS_ORIGINS',
    'shop.example.com',
    'ATTRACTOR_CORS_ORIGINS: expected origins such as https://shop.example.com, separated by commas, or *, received "shop.example.com"',
  ],
  [
    'ATTRACTOR_CORS_ORIGINS',
    'https://a.b/x',
    'ATTRACTOR_CORS_ORIGINS: expected origins such as https://shop.example.com, separated by commas, or *, received "https://a.b/x"',
  ],
  [
    'ATTRACTOR_URL_ALLOW',
    '10.0.0.0/33',
    'ATTRACTOR_URL_ALLOW: expected addresses, ranges such as 10.0.0.0/8 and host names, separated by commas, received "10.0.0.0/33"',
  ],
  [
    'ATTRACTOR_URL_PORTS',
    '80,x',
    'ATTRACTOR_URL_PORTS: expected port numbers separated by commas, or any, received "80,x"',
  ],
  [
    'ATTRACTOR_ADMIN_KEY',
    'short',
    'ATTRACTOR_ADMIN_KEY: expected a text of 32 to 256 characters without spaces, received another text',
  ],
  [
    'ATTRACTOR_ADMIN_KEY',
    '',
    'ATTRACTOR_ADMIN_KEY: expected a text of 32 to 256 characters without spaces, received an empty text',
  ],
  ['PORT', '65536', 'PORT: expected an integer from 0 to 65535, received "65536"'],
  ['PORT', '-1', 'PORT: expected an integer from 0 to 65535, received "-1"'],
  ['PORT', '80.5', 'PORT: expected an integer from 0 to 65535, received "80.5"'],
  ['PORT', '', 'PORT: expected an integer from 0 to 65535, received ""'],
  ['PORT', '1e3', 'PORT: expected an integer from 0 to 65535, received "1e3"'],
  ['HOST', ' ', 'HOST: expected a text that is not empty, received " "'],
  ['ATTRACTOR_DEMO', 'yes', 'ATTRACTOR_DEMO: expected true or false, received "yes"'],
  [
    'ATTRACTOR_LOG_LEVEL',
    'loud',
    'ATTRACTOR_LOG_LEVEL: expected one of fatal, error, warn, info, debug, trace, silent, received "loud"',
  ],
  [
    'ATTRACTOR_MAX_ITEMS_PER_CALL',
    '0',
    'ATTRACTOR_MAX_ITEMS_PER_CALL: expected an integer from 1 to 10000, received "0"',
  ],
])('%s=%s is refused in one sentence', (name, value, message) => {
  expect(() => parseConfig({ env: { [name]: value }, cwd })).toThrow(
    expect.objectContaining({ code: 'invalid_argument', field: name, message }),
  );
});
