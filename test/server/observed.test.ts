// What an operator sees of the real process: its metrics, its access log, and spans by an SDK that is registered the way
// docs/operations.md says.

import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ServerProcess, startServer, tinyHome } from './process.ts';

const PACKAGE = resolve(import.meta.dirname, '../..');
/** Stands for NodeSDK: its provider, with an exporter that writes lines to a file. */
const SDK = `
  import { appendFileSync } from 'node:fs';
  import { createRequire } from 'node:module';
  const require = createRequire(${JSON.stringify(join(PACKAGE, 'package.json'))});
  const { trace } = require('@opentelemetry/api');
  const { BasicTracerProvider, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base');
  const exporter = {
    export(spans, done) {
      for (const span of spans) {
        const { traceId } = span.spanContext();
        appendFileSync(process.env.SPANS, JSON.stringify({ name: span.name, traceId, parent: span.parentSpanContext?.spanId }) + '\\n');
      }
      done({ code: 0 });
    },
    shutdown: async () => {},
  };
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
`;

let home: Awaited<ReturnType<typeof tinyHome>>;
let server: ServerProcess;
beforeAll(async () => {
  home = await tinyHome();
  await writeFile(join(home.folder, 'otel.mjs'), SDK);
  server = await startServer({
    folder: home.folder,
    env: {
      ATTRACTOR_DEMO: 'false',
      ATTRACTOR_ACCESS_LOG: 'true',
      NODE_OPTIONS: `--import ${join(home.folder, 'otel.mjs')}`,
      SPANS: join(home.folder, 'spans.jsonl'),
    },
  });
});
afterAll(async () => {
  expect(await server.stop('SIGTERM')).toBe(0);
  await home.remove();
});

test('metrics, spans and the log tell of the same requests', async () => {
  await fetch(`${server.url}/v1/collections/c`, { method: 'PUT' });
  const vector = Array.from({ length: 32 }, (_, i) => i - 10);
  const put = { method: 'PUT', headers: { 'content-type': 'application/json' } };
  await fetch(`${server.url}/v1/collections/c/items`, {
    ...put,
    body: JSON.stringify({ items: [{ id: 'a', vector }] }),
  });
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  const asked = await fetch(`${server.url}/v1/collections/c/query`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', traceparent, 'x-request-id': 'mine' },
    body: JSON.stringify({ vector, filter: 'price IS EMPTY' }),
  });
  expect(await asked.json()).toMatchObject({ result: { points: [{ id: 'a' }] } });

  const spans = async () =>
    (await readFile(join(home.folder, 'spans.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { name: string; traceId: string; parent?: string })
      .filter(({ traceId }) => traceId === 'a'.repeat(32));
  await expect.poll(async () => (await spans()).length).toBe(4);
  expect((await spans()).map(({ name }) => name)).toEqual([
    'filter',
    'search',
    'read',
    'POST /v1/collections/:collection/query',
  ]);
  expect((await spans()).at(-1)!.parent).toBe('b'.repeat(16));
  await expect
    .poll(() => server.log.find(({ request_id }) => request_id === 'mine'))
    .toMatchObject({ level: 30, msg: 'request', status: 200, trace_id: 'a'.repeat(32) });

  const text = await (await fetch(`${server.url}/metrics`)).text();
  const route = 'route="/v1/collections/:collection/query",method="POST"';
  expect(text).toContain(`attractor_http_requests_total{${route},status="200"} 1\n`);
  expect(text).toContain('attractor_stage_duration_seconds_count{operation="query",stage="filter"} 1\n');
  expect(text).toContain('attractor_collection_items{collection="c"} 1\n');
  expect(text).toMatch(/^process_resident_memory_bytes \d{8,}$/m);
});
