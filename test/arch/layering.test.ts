// The house's rules that a type checker does not hold: who may import whom, where native packages live, what the library
// may not touch, how long a file may be.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');

/** A folder may import from itself and from the folders of the lines above its own. */
const LAYERS = [
  ['src/errors'],
  ['src/math'],
  ['src/onnx', 'src/image', 'src/metrics', 'src/store', 'src/dataset', 'src/filter', 'src/fetch'],
  ['src/runtime', 'src/model', 'src/index'],
  ['src/embed'],
  ['src/catalogue'],
  ['src/tasks'],
  ['training', 'server', 'scripts'],
  ['src/cli', 'client'],
];

/** Each native package, and the only folders that may import it. */
const HOMES: Record<string, readonly string[]> = {
  'onnxruntime-node': ['src/runtime'],
  sharp: ['src/image'],
  'hnswlib-node': ['src/index'],
  'better-sqlite3': ['src/store'],
  '@tensorflow/tfjs': ['training/engine/tfjs'],
  '@tensorflow/tfjs-backend-wasm': ['training/engine/tfjs'],
  undici: ['src/fetch'],
  'ipaddr.js': ['src/fetch'],
  express: ['server'],
  multer: ['server'],
  cors: ['server'],
  'express-rate-limit': ['server'],
  helmet: ['server'],
  pino: ['server'],
  '@asteasolutions/zod-to-openapi': ['server/http'],
  '@opentelemetry/api': ['server/http'],
  'prom-client': ['server/metrics'],
};

const MAX_LINES = 500;

function filesUnder(folder: string, pattern: RegExp): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .filter((entry) => !entry.parentPath.includes('node_modules'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
}

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const code = ['src', 'server', 'training', 'client'].flatMap((folder) => filesUnder(folder, /\.m?ts$/));

/** Specifiers of static, dynamic and type imports, of re-exports, `require` and `new URL(..., import.meta.url)`. */
function importsOf(text: string): string[] {
  const bare = withoutComments(text);
  const forms = [
    /\bfrom\s*['"]([^'"]+)['"]/g,
    /\bimport\s*['"]([^'"]+)['"]/g,
    /\b(?:import|require|require\.resolve)\s*\(\s*['"]([^'"]+)['"]/g,
    /new URL\(\s*['"`](\.[^'"`]+)['"`],\s*import\.meta\.url/g,
  ];
  return forms.flatMap((form) => [...bare.matchAll(form)].map((match) => match[1]!));
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}

const folderOf = (file: string) => LAYERS.flat().find((folder) => file.startsWith(`${folder}/`));
const layerOf = (folder: string) => LAYERS.findIndex((layer) => layer.includes(folder));

test('every source file is in a folder that has a layer', () => {
  expect(code.length).toBeGreaterThan(50);
  expect(code.filter((file) => folderOf(file) === undefined)).toEqual([]);
});

test('imports point downwards, and never sideways', () => {
  const wrong: string[] = [];
  for (const file of code) {
    for (const specifier of importsOf(read(file)).filter((one) => one.startsWith('.'))) {
      const target = relative(ROOT, resolve(ROOT, dirname(file), specifier));
      const [from, to] = [folderOf(file)!, folderOf(target)];
      if (to === undefined || from === to) continue;
      if (layerOf(to) >= layerOf(from)) wrong.push(`${file} imports ${target}`);
    }
  }
  expect(wrong).toEqual([]);
});

test('files that must outlive a crash are written through src/store/disk.ts', () => {
  // The pid is for a message only; the CLI writes what its user can ask for again.
  const free = (file: string) =>
    ['src/store/disk.ts', 'src/store/lock.ts'].includes(file) || file.startsWith('src/cli/');
  const writes =
    /\b(writeFile|appendFile|createWriteStream|rename|copyFile|cp|truncate|fsync|mkdtemp)(Sync)?\b/;
  const found = code.filter((file) => {
    if (!file.startsWith('src/') || free(file)) return false;
    const text = withoutComments(read(file));
    const names = [...text.matchAll(/import \{([^}]*)\} from 'node:fs(\/promises)?'/g)].map(
      ([, one]) => one!,
    );
    return (
      writes.test(names.join()) || /\bopen(Sync)?\([^)]*'(w|a|r\+|wx)'/.test(text.replace(/disk\.open/gi, ''))
    );
  });
  expect(found).toEqual([]);
});

test('the client takes only types from elsewhere: it runs in a browser, without the rest', () => {
  const files = code.filter((file) => file.startsWith('client/'));
  expect(files.length).toBeGreaterThan(3);
  for (const file of files) {
    const atRunTime = withoutComments(read(file)).replace(/^(import|export) type [^;]*;/gm, '');
    const loaded = [...atRunTime.matchAll(/\bfrom\s*'([^']+)'|\bimport\s*\(/g)].map(([, from]) => from);
    expect(loaded.filter((from) => !from?.startsWith('./'))).toEqual([]);
  }
});

test('a file of a folder never reaches outside the folders that have a layer', () => {
  const wrong: string[] = [];
  for (const file of code) {
    for (const specifier of importsOf(read(file)).filter((one) => /^\.{1,2}\/.*\.m?[tj]s$/.test(one))) {
      const target = relative(ROOT, resolve(ROOT, dirname(file), specifier));
      if (folderOf(target) === undefined) wrong.push(`${file} imports ${target}`);
    }
  }
  expect(wrong).toEqual([]);
});

describe('native and web packages have one home', () => {
  test.each(Object.entries(HOMES))('%s', (name, homes) => {
    const users = code.filter((file) =>
      importsOf(read(file)).some((one) => one === name || one.startsWith(`${name}/`)),
    );
    expect(users.length).toBeGreaterThan(0);
    expect(users.filter((file) => !homes.some((home) => file.startsWith(`${home}/`)))).toEqual([]);
  });
});

describe('the library is told the time, the seed and the log', () => {
  const library = code.filter((file) => file.startsWith('src/') && !file.startsWith('src/cli/'));
  test.each([
    // But for what onnxruntime is told in no other way.
    ['process.env', /\bprocess\.env\b(?!\.ORT_DISABLE_TELEMETRY \?\?=)/],
    ['console', /\bconsole\./],
    ['Date.now', /\bDate\.now\b|\bnew Date\(\)/],
    ['Math.random', /\bMath\.random\b/],
  ])('no %s below server/ and src/cli/', (_, pattern) => {
    expect(library.filter((file) => pattern.test(withoutComments(read(file))))).toEqual([]);
  });
});

test(`no file is longer than ${MAX_LINES} lines`, () => {
  const all = ['src', 'server', 'client', 'training', 'test', 'bench', 'scripts'].flatMap((folder) =>
    filesUnder(folder, /\.(m?ts|js|css|html)$/),
  );
  const long = all.filter((file) => read(file).split('\n').length > MAX_LINES + 1);
  expect(long).toEqual([]);
});
