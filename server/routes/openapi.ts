// /openapi.json: the document of all routes, made at the first call.

import { z } from 'zod';
import { VERSION } from '../config.ts';
import { openApiDocument } from '../http/describe.ts';
import type { Route } from '../http/route.ts';

/** What no schema of ours can say of itself. */
const shape = z.looseObject({ openapi: z.string() });

/** `routes` is asked when the document is, so that it may hold this route too. */
export function openApiRoutes(options: { routes: () => readonly Route[] }): Route[] {
  let document: Buffer | undefined;
  return [
    {
      method: 'get',
      path: '/openapi.json',
      scope: 'open',
      doc: { summary: 'This document', tag: 'docs', media: { 'application/json': shape } },
      handle() {
        document ??= Buffer.from(
          JSON.stringify(openApiDocument({ routes: options.routes(), version: VERSION })),
        );
        return { bytes: document, headers: { 'Content-Type': 'application/json; charset=utf-8' } };
      },
    },
  ];
}
