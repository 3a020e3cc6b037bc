// Where settings come from: the environment before the file before the default; every mistake named with its place.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isSecret } from '../../server/environment.ts';
import { readSettings } from '../../server/settings.ts';

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'attractor-settings-'));
});
afterAll(() => rm(cwd, { recursive: true }));
beforeEach(() => rm(join(cwd, 'attractor.config.json'), { force: true }));

const write = (content: unknown, file = 'attractor.config.json') =>
  writeFile(join(cwd, file), typeof content === 'string' ? content : JSON.stringify(content));
const read = (env: NodeJS.ProcessEnv = {}) => readSettings({ env, cwd });
const of = (name: string, env?: NodeJS.ProcessEnv) => {
  const { value, from, differs } = read(env).settings.find((one) => one.name === name)!;
  return { value, from, differs };
};

describe('where a value comes from', () => {
  test('without a file: the environment, else the default', () => {
    expect(read().file).toBeUndefined();
    expect(read().settings.filter(({ differs, from }) => differs || from !== 'default')).toEqual([]);
    expect(of('PORT', { PORT: '80' })).toEqual({ value: 80, from: 'environment', differs: true });
    expect(of('PORT', { PORT: '3000' })).toEqual({ value: 3000, from: 'environment', differs: false });
    expect(of('ATTRACTOR_EMBED_PROCESSES').value).toBeUndefined();
  });

  test('the file in the working folder, in JSON’s own types or as text; the environment wins', async () => {
    await write({ PORT: 80, ATTRACTOR_DEMO: false, ATTRACTOR_HNSW_EF: '200', HOST: '0.0.0.0' });
    const { config, file } = read({ HOST: '::1', ATTRACTOR_HNSW_EF: undefined });
    expect(file).toBe(join(cwd, 'attractor.config.json'));
    expect(config).toMatchObject({ port: 80, demo: false, ef: 200, host: '::1' });
    expect(of('PORT')).toEqual({ value: 80, from: 'file', differs: true });
    expect(of('HOST', { HOST: '::1' }).from).toBe('environment');
    expect(of('ATTRACTOR_MODEL')).toEqual({ value: 'furniture', from: 'default', differs: false });
  });

  test('the file that ATTRACTOR_CONFIG names, instead of the usual one', async () => {
    await write({ PORT: 1 });
    await write({ PORT: 2 }, 'other.json');
    expect(read({ ATTRACTOR_CONFIG: 'other.json' }).config.port).toBe(2);
    expect(() => read({ ATTRACTOR_CONFIG: 'nobody.json' })).toThrow(
      /nobody\.json: expected a file of JSON: ENOENT/,
    );
  });
});

describe('mistakes', () => {
  test.each([
    ['{', 'invalid_argument', /config\.json: expected a file of JSON: /],
    ['[]', 'invalid_argument', /config\.json: expected an object of settings, received \[\]/],
    ['null', 'invalid_argument', /config\.json: expected an object of settings, received null/],
    ['{"PROT": 80}', 'unknown_option', /config\.json: unknown setting "PROT"; known: PORT, HOST, /],
    ['{"__proto__": {"PORT": 80}}', 'unknown_option', /unknown setting "__proto__"/],
    ['{"ATTRACTOR_CONFIG": "other.json"}', 'unknown_option', /unknown setting "ATTRACTOR_CONFIG"/],
    [
      '{"PORT": "http"}',
      'invalid_argument',
      /config\.json: PORT: expected an integer from 0 to 65535, received "http"/,
    ],
    [
      '{"PORT": {"a": 1}}',
      'invalid_argument',
      /config\.json: PORT: expected a text, a number, true, false, or a list/,
    ],
    [
      '{"ATTRACTOR_DEMO": null}',
      'invalid_argument',
      /config\.json: ATTRACTOR_DEMO: expected .*, received null/,
    ],
  ])('%s', async (content, code, message) => {
    await write(content);
    expect(() => read()).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
  });

  test('one in the environment is not blamed on the file', async () => {
    await write({ PORT: 80 });
    expect(() => read({ PORT: 'x' })).toThrow(/^PORT: expected/);
  });

  test('variables that look like settings and are none are told', () => {
    expect(read({ ATTRACTOR_DATTA: 'x', HOME: '/root' }).unknown).toEqual(['ATTRACTOR_DATTA']);
  });
});

test('secrets are told of, never told', async () => {
  const secret = 'c0ffee-'.repeat(6);
  const settings = read({ ATTRACTOR_ADMIN_KEY: secret });
  expect(settings.config.adminKey).toBe(secret);
  expect(of('ATTRACTOR_ADMIN_KEY', { ATTRACTOR_ADMIN_KEY: secret })).toEqual({
    value: '(secret)',
    from: 'environment',
    differs: true,
  });
  expect(of('ATTRACTOR_ADMIN_KEY').value).toBeUndefined();
  expect(JSON.stringify(settings.settings)).not.toContain('c0ffee');
  expect(() => read({ ATTRACTOR_ADMIN_KEY: 'too short' })).toThrow(
    /^ATTRACTOR_ADMIN_KEY: expected .* received another text$/,
  );
  await write({ ATTRACTOR_ADMIN_KEY: 'too short' });
  expect(() => read()).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('too short') }),
  );
});

test('lists are arrays in the file', async () => {
  await write({ ATTRACTOR_CORS_ORIGINS: ['https://a.example.com', 'https://b.example.com'] });
  expect(read().config.edge.corsOrigins).toEqual(['https://a.example.com', 'https://b.example.com']);
});

test('secrets are known by their names', () => {
  expect(['ATTRACTOR_ADMIN_KEY', 'ATTRACTOR_PG_PASSWORD', 'PORT', 'ATTRACTOR_DATA'].map(isSecret)).toEqual([
    true,
    true,
    false,
    false,
  ]);
});
