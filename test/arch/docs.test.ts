// Documents that must say what the code does: the error table and docs/errors.md, the routes and docs/api.md, the
// settings of server/config.ts. Held together in both directions.

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { readDemo } from '../../server/demo.ts';
import { docsRoutes } from '../../server/routes/docs.ts';
import { healthRoutes } from '../../server/routes/health.ts';
import { sampleRoutes } from '../../server/routes/samples.ts';
import { aliasRoutes } from '../../server/routes/v1/aliases.ts';
import { importRoutes } from '../../server/routes/v1/collections/import.ts';
import { itemRoutes } from '../../server/routes/v1/collections/items.ts';
import { queryRoutes } from '../../server/routes/v1/collections/query.ts';
import { collectionRoutes } from '../../server/routes/v1/collections.ts';
import { modelRoutes } from '../../server/routes/v1/models.ts';
import { snapshotRoutes } from '../../server/routes/v1/snapshots.ts';
import { taskRoutes } from '../../server/routes/v1/tasks.ts';
import type { Catalogue } from '../../src/catalogue/types.ts';
import { ERRORS } from '../../src/errors/table.ts';
import type { Tasks } from '../../src/tasks/tasks.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const headings = (text: string, level: string) =>
  [...text.matchAll(new RegExp(`^${level} (.+)$`, 'gm'))].map((match) => match[1]!);

test('docs/errors.md has one section per code, in the order of the table, with its status', () => {
  const text = read('docs/errors.md');
  expect(headings(text, '##')).toEqual(Object.keys(ERRORS));
  for (const [code, { status, retryable }] of Object.entries(ERRORS)) {
    const section = text.split(`\n## ${code}\n`)[1]!.split('\n## ')[0]!;
    expect(section.trim(), code).toMatch(
      new RegExp(`^Status ${status}${retryable ? ', again: yes' : ''}\\. `),
    );
  }
});

test('docs/api.md has every route, and no route that does not exist', async () => {
  const text = read('docs/api.md');
  const catalogue = {} as Catalogue;
  const limits = { bodyBytes: 1024, imageBytes: 1024, imagePixels: 1, itemsPerCall: 1, importBytes: 1 };
  const tasks = {} as Tasks;
  const routes = [
    ...healthRoutes({ ready: () => ({ ready: true }) }),
    ...collectionRoutes({ catalogue }),
    ...aliasRoutes({ catalogue }),
    ...itemRoutes({ catalogue, tasks, limits, logger: pino({ level: 'silent' }) }),
    ...queryRoutes({ catalogue, limits }),
    ...importRoutes({ catalogue, tasks, limits, once: async ({ work }) => work(() => {}) }),
    ...taskRoutes({ runner: tasks.runner }),
    ...snapshotRoutes({ tasks }),
    ...modelRoutes({ catalogue, limits, models: '' }),
    ...sampleRoutes({ demo: await readDemo({ folder: join(ROOT, 'examples/furniture') }) }),
  ].map(({ method, path }) => `${method.toUpperCase()} ${path.replace(/:(\w+)/g, '{$1}')}`);
  const missing = routes.filter(
    (route) => !text.includes(`### ${route}\n`) && !text.includes(`\`${route}\``),
  );
  expect(missing).toEqual([]);
  expect(headings(text, '###').filter((heading) => !routes.includes(heading))).toEqual([]);
  for (const { path } of docsRoutes) expect(text + read('docs/errors.md')).toContain(path);
});

test('docs/api.md has every setting of the server, and no other', () => {
  const settings = [...read('server/config.ts').matchAll(/^ {2}([A-Z][A-Z_]+): /gm)].map(
    (match) => match[1]!,
  );
  const rows = [...read('docs/api.md').matchAll(/^\| `([A-Z][A-Z_]+)` \|/gm)].map((match) => match[1]!);
  expect(settings.length).toBeGreaterThan(8);
  expect(rows).toEqual(settings);
});
