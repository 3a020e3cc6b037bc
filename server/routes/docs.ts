// /docs/errors, /docs/api and others: the pages that error links point at, as they are in the repository.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DOCS_FOLDER } from '../config.ts';
import type { Route } from '../http/route.ts';

export const docsRoutes: readonly Route[] = ['errors', 'api', 'client', 'operations'].map((page) => ({
  method: 'get',
  path: `/docs/${page}`,
  doc: { summary: `docs/${page}.md`, media: { 'text/plain': undefined } },
  scope: 'open',
  handle: async () => ({
    bytes: await readFile(join(DOCS_FOLDER, `${page}.md`)),
    // Plain, because some browsers download text/markdown instead of showing it.
    headers: { 'Content-Type': 'text/plain; charset=utf-8' },
  }),
}));
