// Spans of real requests, as an operator's SDK receives them; and what is left without one: the caller's trace id.

import { context, trace } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openShop, type TestShop } from './shop.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const traceparent = `00-${TRACE}-${SPAN}-01`;

let shop: TestShop;
beforeAll(async () => {
  shop = await openShop({ accessLog: true });
});
afterAll(() => shop.close());

const query = (body: object) => shop.http.post('/v1/collections/shop/query').send(body);
const logged = async (id: string) => {
  await expect
    .poll(() => shop.log.some((line) => line.request_id === id && line.msg === 'request'))
    .toBe(true);
  return shop.log.filter((line) => line.request_id === id);
};

describe('without an SDK', () => {
  test('the log has the trace id of the caller, and none of its own', async () => {
    await query({ id: 'p0-0' }).set('traceparent', traceparent).set('x-request-id', 'traced').expect(200);
    expect(await logged('traced')).toMatchObject([
      { trace_id: TRACE, level: 30, status: 200, method: 'POST' },
    ]);
    await query({ id: 'p0-0' }).set('x-request-id', 'plain').expect(200);
    expect((await logged('plain'))[0]).not.toHaveProperty('trace_id');
  });

  test.each([
    '',
    'x',
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
  ])('traceparent %j is none', async (header) => {
    await query({ id: 'p0-0' }).set('traceparent', header).set('x-request-id', 'bad').expect(200);
    expect((await logged('bad')).at(-1)).not.toHaveProperty('trace_id');
  });
});

describe('with an SDK', () => {
  const exporter = new InMemorySpanExporter();
  beforeAll(() => {
    const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    trace.setGlobalTracerProvider(provider);
  });
  afterEach(() => exporter.reset());
  afterAll(() => {
    trace.disable();
    context.disable();
  });
  const spans = async (count: number) => {
    await expect.poll(() => exporter.getFinishedSpans().length).toBe(count);
    return exporter.getFinishedSpans();
  };

  test('a request is a span, its steps are its children, the caller is its parent', async () => {
    const image = Buffer.concat([shop.images.get('p0-0')!, Buffer.from([7])]);
    await shop.http
      .post('/v1/collections/shop/query?filter=price>1')
      .set('traceparent', traceparent)
      .set('x-request-id', 'whole')
      .attach('image', image, 'a.jpg')
      .expect(200);
    const all = await spans(5);
    const root = all.find(({ parentSpanContext }) => parentSpanContext?.spanId === SPAN)!;
    expect(root.name).toBe('POST /v1/collections/:collection/query');
    expect(root.attributes).toMatchObject({
      'http.route': '/v1/collections/:collection/query',
      'http.response.status_code': 200,
      'attractor.request_id': 'whole',
    });
    const children = all.filter((span) => span !== root);
    expect(children.map(({ name }) => name)).toEqual(['embed', 'filter', 'search', 'read']);
    const time = ([seconds, nanoseconds]: readonly [number, number]) => seconds * 1e9 + nanoseconds;
    for (const child of children) {
      expect(child.parentSpanContext?.spanId).toBe(root.spanContext().spanId);
      expect(child.spanContext().traceId).toBe(TRACE);
      expect(time(child.startTime)).toBeGreaterThanOrEqual(time(root.startTime));
      expect(time(child.endTime)).toBeLessThanOrEqual(time(root.endTime));
      expect(time(child.endTime)).toBeGreaterThanOrEqual(time(child.startTime));
    }
    const [embed, filter] = children;
    expect(time(filter!.startTime)).toBeGreaterThanOrEqual(time(embed!.endTime));
    expect((await logged('whole'))[0]).toMatchObject({ trace_id: TRACE });
  });

  test('requests side by side keep their steps apart', async () => {
    const ids = ['p0-0', 'p1-0', 'p2-0', 'p3-0'];
    await Promise.all(ids.map((id) => query({ id }).expect(200)));
    const all = await spans(12);
    const roots = all.filter(({ name }) => name.startsWith('POST'));
    expect(new Set(roots.map((root) => root.spanContext().traceId)).size).toBe(4);
    for (const root of roots) {
      const steps = all.filter(
        ({ parentSpanContext }) => parentSpanContext?.spanId === root.spanContext().spanId,
      );
      expect(steps.map(({ name }) => name)).toEqual(['search', 'read']);
    }
  });

  test('an error of ours is a failed span, one of the caller is not', async () => {
    shop.readiness.state = { ready: false };
    await shop.http.get('/readyz').expect(503);
    shop.readiness.state = { ready: true };
    await shop.http.get('/v1/collections/nobody').expect(404);
    await shop.http.get('/no/such').expect(404);
    const all = await spans(3);
    expect(all.map(({ name, status }) => [name, status.code])).toEqual([
      ['GET /readyz', 2],
      ['GET /v1/collections/:collection', 0],
      ['GET', 0],
    ]);
  });
});
