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
    embedProcesses: undefined,
    ef: 100,
    auditEvery: 100,
    limits: {
      bodyBytes: 32 * 2 ** 20,
      imageBytes: 20 * 2 ** 20,
      imagePixels: 100e6,
      itemsPerCall: 256,
      importBytes: 4 * 1024 ** 3,
    },
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

test.each([
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
