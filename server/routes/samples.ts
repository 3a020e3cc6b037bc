// /samples, /samples/attribution and /samples/{file}: room shots to try the demo shop with. They are not in its catalogue.

import { readFile } from 'node:fs/promises';
import { AttractorError } from '../../src/errors/error.ts';
import type { DemoShop } from '../demo.ts';
import type { Route } from '../http/route.ts';
import * as replies from '../schemas/replies.ts';

export function sampleRoutes({ demo }: { demo: DemoShop }): Route[] {
  return [
    {
      method: 'get',
      path: '/samples',
      doc: { summary: 'Photos to try the demo with', result: replies.samples },
      scope: 'open',
      handle: () => ({
        result: { collection: demo.collection, samples: demo.samples.map((one) => one.shown) },
      }),
    },
    {
      method: 'get',
      path: '/samples/attribution',
      doc: { summary: 'Their authors and licences', media: { 'text/plain': undefined } },
      scope: 'open',
      handle: async () => ({
        bytes: await readFile(demo.attribution),
        headers: { 'Content-Type': 'text/plain; charset=utf-8' },
      }),
    },
    {
      method: 'get',
      path: '/samples/:file',
      doc: { summary: 'One of them', media: { 'image/jpeg': undefined } },
      scope: 'open',
      async handle({ params }) {
        // Looked up by name in the list, so that no path is ever built from the URL.
        const sample = demo.samples.find((one) => one.file === params.file);
        if (!sample) throw new AttractorError('route_not_found', 'No such sample.', { field: 'path' });
        return {
          bytes: await readFile(sample.path),
          headers: { 'Content-Type': 'image/jpeg', 'Cache-Control': 'public, max-age=3600' },
        };
      },
    },
  ];
}
