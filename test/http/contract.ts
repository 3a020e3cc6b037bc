// Holds every JSON answer that a test of the routes provokes to the OpenAPI document, so that a field which no schema
// has, or a schema that promises too much, is found by whichever test meets it first.

import { Validator } from '@seriousme/openapi-schema-validator';
import express, { type Express, type Request } from 'express';
import supertest from 'supertest';
import { z } from 'zod';

type Content = Record<string, { schema: z.core.JSONSchema.Schema }>;
type Operations = Record<string, { summary?: string; responses: Record<string, { content: Content }> }>;

/** What was answered and is not as documented: one sentence each. */
export type Broken = string[];

export interface Contract {
  readonly app: Express;
  readonly broken: Broken;
  /** Answers so far that were compared with a schema. */
  readonly checked: () => number;
}

/** `twin` has the same routes, and gives its document to anyone. */
export async function contract({ app, twin }: { app: Express; twin: Express }): Promise<Contract> {
  const { body } = await supertest(twin).get('/openapi.json').expect(200);
  const validator = new Validator();
  await validator.validate(body);
  const paths = (validator.resolveRefs({ specification: body }) as { paths: Record<string, Operations> })
    .paths;
  const schemas = new Map<object, z.ZodType>();
  const broken: Broken = [];
  let checked = 0;
  const outer = express().disable('x-powered-by');
  outer.use((request, response, next) => {
    // At the last place that every answer passes, whatever wrote it.
    const end = response.end as (...parts: unknown[]) => typeof response;
    response.end = function checkedEnd(this: typeof response, ...parts: unknown[]) {
      const [body] = parts;
      const json = /^application\/json/.test(`${response.get('content-type')}`);
      if (json && (typeof body === 'string' || body instanceof Uint8Array)) {
        const problem = check(request, response.statusCode, JSON.parse(Buffer.from(body).toString()));
        if (problem) broken.push(problem);
      }
      return end.apply(this, parts);
    } as typeof response.end;
    next();
  });
  outer.use(app);
  return { app: outer, broken, checked: () => checked };

  function check(request: Request, status: number, answer: unknown): string | undefined {
    const path: string | undefined = request.route?.path;
    const method = request.method.toLowerCase();
    const operation = paths[`${path}`.replace(/:(\w+)/g, '{$1}')]?.[method];
    // A path without a route has only errors, and a method without one; an undescribed route is another test's.
    if (!operation?.summary) return undefined;
    const schema = (operation.responses[status] ?? operation.responses.default!).content['application/json']
      ?.schema;
    if (!schema) return `${method} ${path}: ${status} with JSON, where none is documented`;
    if (!schemas.has(schema)) schemas.set(schema, z.fromJSONSchema(schema));
    checked++;
    const { error } = schemas.get(schema)!.safeParse(answer);
    return error && `${method} ${path}: ${status} ${z.prettifyError(error)}`;
  }
}
