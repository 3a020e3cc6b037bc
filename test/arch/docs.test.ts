// Documents that must say what the code does: the error table and docs/errors.md, the routes and docs/api.md, the
// settings of server/environment.ts. Held together in both directions.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { readDemo } from '../../server/demo.ts';
import { createMetrics } from '../../server/metrics/metrics.ts';
import { qdrantRoutes } from '../../server/qdrant/router.ts';
import { docsRoutes } from '../../server/routes/docs.ts';
import { healthRoutes } from '../../server/routes/health.ts';
import { metricsRoutes } from '../../server/routes/metrics.ts';
import { openApiRoutes } from '../../server/routes/openapi.ts';
import { sampleRoutes } from '../../server/routes/samples.ts';
import { aliasRoutes } from '../../server/routes/v1/aliases.ts';
import { importRoutes } from '../../server/routes/v1/collections/import.ts';
import { itemRoutes } from '../../server/routes/v1/collections/items.ts';
import { queryRoutes } from '../../server/routes/v1/collections/query.ts';
import { readingRoutes } from '../../server/routes/v1/collections/reading.ts';
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
    ...readingRoutes({ catalogue }),
    ...importRoutes({ catalogue, tasks, limits, once: async ({ work }) => work(() => {}, {}) }),
    ...taskRoutes({ runner: tasks.runner }),
    ...snapshotRoutes({ tasks }),
    ...modelRoutes({ catalogue, limits, models: '' }),
    ...metricsRoutes({ metrics: createMetrics({ process: false }) }),
    ...openApiRoutes({ routes: () => [] }),
    ...sampleRoutes({ demo: await readDemo({ folder: join(ROOT, 'examples/furniture') }) }),
  ].map(({ method, path }) => `${method.toUpperCase()} ${path.replace(/:(\w+)/g, '{$1}')}`);
  const missing = routes.filter(
    (route) => !text.includes(`### ${route}\n`) && !text.includes(`\`${route}\``),
  );
  expect(missing).toEqual([]);
  expect(headings(text, '###').filter((heading) => !routes.includes(heading))).toEqual([]);
  for (const { path } of docsRoutes) expect(text + read('docs/errors.md')).toContain(path);
});

test('docs/operations.md has every metric with its labels, in the order of the scrape, and no other', async () => {
  const metrics = createMetrics({ process: false });
  const empty = { list: () => [], tasks: { open: () => [] } } as unknown as Catalogue;
  metrics.watch({ catalogue: empty, embedders: () => [] });
  const { text } = await metrics.read();
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name!);
  const documented = read('docs/operations.md');
  const rows = [...documented.matchAll(/^\| `(attractor_\w+)` \|/gm)].map(([, name]) => name!);
  expect(names.length).toBeGreaterThan(15);
  expect(rows).toEqual(names);
  // Alerts that ask for a metric that does not exist never fire.
  const asked = [...documented.matchAll(/\battractor_\w+/g)].map(([name]) => name.replace(/_bucket$/, ''));
  expect(asked.filter((name) => !names.includes(name))).toEqual([]);
});

test("docs/api.md has every route of Qdrant's that is served", () => {
  const text = read('docs/api.md');
  const limits = { bodyBytes: 1024, imageBytes: 1024, imagePixels: 1, itemsPerCall: 1, importBytes: 1 };
  const routes = qdrantRoutes({ catalogue: {} as Catalogue, limits });
  expect(routes.length).toBeGreaterThan(20);
  const missing = routes
    .map(({ method, path }) => `\`${method.toUpperCase()} ${path.replace(/:(\w+)/g, '{$1}')}\``)
    .filter((route) => !text.includes(route));
  expect(missing).toEqual([]);
});

test('links lead somewhere on disk too', () => {
  const files = [
    'README.md',
    'CONTRIBUTING.md',
    ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`),
  ];
  const broken = files.flatMap((file) =>
    [...read(file).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)]
      .map(([, link]) => link!)
      .filter((link) => !/^https?:/.test(link) && !existsSync(resolve(ROOT, dirname(file), link)))
      .map((link) => `${file}: ${link}`),
  );
  expect(broken).toEqual([]);
});

test('docs/api.md has every setting of the server, and no other', () => {
  const settings = [...read('server/environment.ts').matchAll(/^ {2}([A-Z][A-Z_]+): /gm)].map(
    (match) => match[1]!,
  );
  const rows = [...read('docs/api.md').matchAll(/^\| `([A-Z][A-Z_]+)` \|/gm)].map((match) => match[1]!);
  expect(settings.length).toBeGreaterThan(8);
  expect(rows).toEqual(settings);
});
