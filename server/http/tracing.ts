// One span per request and one per step within it, over the OpenTelemetry API: it costs next to nothing until the
// operator's process registers an SDK (docs/operations.md), and no SDK is ours.

import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Context,
  context,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { Request, RequestHandler } from 'express';
import type { CatalogueObserver } from '../../src/catalogue/observer.ts';
import { VERSION } from '../config.ts';

declare global {
  namespace Express {
    interface Request {
      /** Of the caller's trace or our own; undefined where nobody traces. */
      traceId?: string;
      span?: Span;
    }
  }
}

const tracer = trace.getTracer('attractor', VERSION);
/** The request's span where it is recorded. Our own, as an SDK may come without a context manager. */
const current = new AsyncLocalStorage<Span>();

/** Opens the request's span, a child of what `traceparent` names. */
export function traceRequests(): RequestHandler {
  return function openSpan(request, response, next) {
    const span = tracer.startSpan(request.method, { kind: SpanKind.SERVER }, parentOf(request));
    const spanContext = span.spanContext();
    if (isSpanContextValid(spanContext)) request.traceId = spanContext.traceId;
    if (!span.isRecording()) return next();
    request.span = span;
    response.on('close', () => close(span, request, response.writableFinished ? response.statusCode : 499));
    current.run(span, () => context.with(trace.setSpan(context.active(), span), next));
  };
}

function close(span: Span, request: Request, status: number): void {
  const route: string | undefined = request.route?.path;
  if (route !== undefined) span.updateName(`${request.method} ${route}`);
  span.setAttributes({
    'http.request.method': request.method,
    'http.response.status_code': status,
    'url.path': request.path,
    'attractor.request_id': request.id,
    ...(route !== undefined && { 'http.route': route }),
  });
  if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

/** A span that is active already (of an instrumented http module), else the caller's. */
function parentOf(request: Request): Context {
  if (trace.getSpan(context.active())) return context.active();
  const extracted = propagation.extract(ROOT_CONTEXT, request.headers);
  if (trace.getSpanContext(extracted)) return extracted;
  // Without an SDK there is no propagator, but the caller's trace id is still worth having in the log.
  const header = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(request.get('traceparent') ?? '');
  if (!header) return extracted;
  const [, traceId, spanId, flags] = header as unknown as [string, string, string, string];
  return trace.setSpanContext(extracted, {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
  });
}

/** Steps as children of the request's span that they happen in. */
export const tracingObserver: CatalogueObserver = {
  stage({ operation, stage, from, to }) {
    const parent = current.getStore();
    if (!parent) return;
    // The SDK takes numbers of the process's own clock, which is the catalogue's, as what they are.
    tracer
      .startSpan(
        stage,
        { startTime: from, attributes: { 'attractor.operation': operation } },
        trace.setSpan(ROOT_CONTEXT, parent),
      )
      .end(to);
  },
};
