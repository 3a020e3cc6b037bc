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

export async function contract(app: Express): Promise<{ app: Express; broken: Broken }> {
  const { body } = await supertest(app).get('/openapi.json').expect(200);
  const validator = new Validator();
  await validator.validate(body);
  const paths = (validator.resolveRefs({ specification: body }) as { paths: Record<string, Operations> })
    .paths;
  const schemas = new Map<object, z.ZodType>();
  const broken: Broken = [];
  const outer = express().disable('x-powered-by');
  outer.use((request, response, next) => {
    const json = response.json;
    response.json = function checked(answer) {
      const problem = check(request, response.statusCode, answer);
      if (problem) broken.push(problem);
      return json.call(this, answer);
    };
    next();
  });
  outer.use(app);
  return { app: outer, broken };

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
    const { error } = schemas.get(schema)!.safeParse(JSON.parse(JSON.stringify(answer)));
    return error && `${method} ${path}: ${status} ${z.prettifyError(error)}`;
  }
}
