// What a route says of itself for the OpenAPI document, and the document made of all of them. A route without a
// description is in it with its path alone, which a test refuses.

import { OpenAPIRegistry, OpenApiGeneratorV31, type RouteConfig } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { envelope, errorReply } from '../schemas/replies.ts';
import { scopeOf } from './admit.ts';
import type { Route } from './route.ts';

/** The schemas should be those that the handler parses by. */
export interface RouteDoc {
  readonly summary: string;
  /** Of the path. Default: a text per name in it. */
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  /** Of a JSON body. */
  readonly body?: z.ZodType;
  /** True: the route is called without a body too. */
  readonly bodyOptional?: true;
  /** Of a form's fields beside the file `image`. */
  readonly form?: z.ZodObject;
  /** Of `result` in the envelope. */
  readonly result?: z.ZodType;
  /** Of what stands beside `result`. */
  readonly beside?: z.ZodRawShape;
  /** Instead of `result`, for what is not in the envelope: media types, each with its schema where it has one. */
  readonly media?: Readonly<Record<string, z.ZodType | undefined>>;
  /** Of `result` where the answer is 202: what is asked has been noted, and is done later. */
  readonly accepted?: z.ZodType;
  /** Of one row, where the body is rows. */
  readonly row?: z.ZodType;
  /** Default: by the path. */
  readonly tag?: string;
}

const bytes = z.string().meta({ type: 'string', format: 'binary' });

/** The document of these routes, OpenAPI 3.1. */
export function openApiDocument(options: { routes: readonly Route[]; version: string }): object {
  const registry = new OpenAPIRegistry();
  registry.registerComponent('securitySchemes', 'apiKey', { type: 'apiKey', in: 'header', name: 'api-key' });
  registry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' });
  for (const route of options.routes) registry.registerPath(operation(route));
  const generator = new OpenApiGeneratorV31(registry.definitions, { unionPreferredType: 'anyOf' });
  const document = generator.generateDocument({
    openapi: '3.1.0',
    info: {
      title: 'Attractor',
      version: options.version,
      description: 'Product-image search. In words, with examples: /docs/api. Every error: /docs/errors.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    // A server without keys asks for none.
    security: [{}, { apiKey: [] }, { bearer: [] }],
  });
  for (const path of Object.values(document.paths ?? {})) {
    for (const { parameters = [] } of Object.values(path as Record<string, { parameters?: Parameter[] }>)) {
      parameters.forEach(asJsonText);
    }
  }
  return document;
}

function operation(route: Route): RouteConfig {
  const { method, path, reads, doc } = route;
  const scope = scopeOf(route);
  const content = {
    ...(doc?.row && { 'application/x-ndjson': { schema: doc.row } }),
    ...(doc?.body && { 'application/json': { schema: doc.body } }),
    ...(reads?.includes('upload') && {
      'multipart/form-data': { schema: (doc?.form ?? z.object({})).extend({ image: bytes }) },
    }),
  };
  const ok = doc?.media
    ? Object.fromEntries(Object.entries(doc.media).map(([type, schema = bytes]) => [type, { schema }]))
    : { 'application/json': { schema: envelope(doc?.result ?? z.unknown(), doc?.beside) } };
  return {
    method,
    path: path.replace(/:(\w+)/g, '{$1}'),
    operationId: operationId(method, path),
    tags: [doc?.tag ?? tagOf(path)],
    ...(doc && { summary: doc.summary }),
    ...(scope === 'open' ? { security: [] } : { description: `Where there are keys: one with ${scope}.` }),
    request: {
      params: doc?.params ?? paramsOf(path),
      query: doc?.query,
      ...(Object.keys(content).length > 0 && {
        body: { content, required: doc?.bodyOptional !== true },
      }),
    },
    responses: {
      ...((!doc?.accepted || doc.result || doc.media) && { 200: { description: 'Done.', content: ok } }),
      ...(doc?.accepted && {
        202: {
          description: 'Noted, and done later.',
          content: { 'application/json': { schema: envelope(doc.accepted) } },
        },
      }),
      default: {
        description: 'An error: see /docs/errors. 429 and 503 come with Retry-After.',
        content: { 'application/json': { schema: errorReply } },
      },
    },
  };
}

/** `post /v1/collections/:collection/query` is postCollectionsByCollectionQuery. */
function operationId(method: string, path: string): string {
  const words = path.replace(/^\/v1\//, '/').replace(/:(\w+)/g, 'by-$1');
  return `${method}-${words}`.replace(/[^A-Za-z0-9]+([A-Za-z0-9]?)/g, (_, first: string) =>
    first.toUpperCase(),
  );
}

/** The last noun of the path's first two: collections, items, query, samples, ... */
function tagOf(path: string): string {
  const nouns = path.split('/').filter((part) => part !== '' && part !== 'v1' && !part.startsWith(':'));
  return nouns.slice(0, 2).at(nouns[0] === 'collections' ? -1 : 0)!;
}

function paramsOf(path: string): z.ZodObject {
  return z.object(Object.fromEntries([...path.matchAll(/:(\w+)/g)].map(([, name]) => [name!, z.string()])));
}

interface Parameter {
  in: string;
  schema?: { type?: unknown };
  content?: object;
}

/** URL parameters that are objects are sent as JSON text. */
function asJsonText(parameter: Parameter): void {
  const { schema } = parameter;
  if (parameter.in !== 'query' || !schema || ![schema.type].flat().includes('object')) return;
  parameter.content = { 'application/json': { schema } };
  delete parameter.schema;
}
