// /docs/errors, /docs/api and others: the pages that error links point at, to be read; and beside each its Markdown.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DOCS_FOLDER } from '../config.ts';
import type { Route } from '../http/route.ts';
import { type Rendered, render } from './markdown.ts';

const PAGES = { api: 'API', errors: 'Errors', client: 'TypeScript client', operations: 'Operations' };

export const docsRoutes: readonly Route[] = Object.keys(PAGES).flatMap((page): Route[] => {
  const read = () => readFile(join(DOCS_FOLDER, `${page}.md`));
  let html: Promise<Buffer> | undefined;
  return [
    {
      method: 'get',
      path: `/docs/${page}`,
      doc: { summary: `docs/${page}.md, to be read`, media: { 'text/html': undefined } },
      scope: 'open',
      async handle() {
        html ??= read().then((text) => Buffer.from(documentOf(page, render(text.toString('utf8')))));
        return { bytes: await html, headers: { 'Content-Type': 'text/html; charset=utf-8' } };
      },
    },
    {
      method: 'get',
      path: `/docs/${page}.md`,
      doc: { summary: `docs/${page}.md`, media: { 'text/plain': undefined } },
      scope: 'open',
      // Plain, because some browsers download text/markdown instead of showing it.
      handle: async () => ({
        bytes: await read(),
        headers: { 'Content-Type': 'text/plain; charset=utf-8' },
      }),
    },
  ];
});

function documentOf(page: string, { headings, body }: Rendered): string {
  const pages = Object.entries(PAGES).map(([name, title]) => {
    const here = name === page ? ' aria-current="page"' : '';
    return `<a href="/docs/${name}"${here}>${title}</a>`;
  });
  const contents = headings
    .filter(({ level }) => level === 2 || level === 3)
    .map(
      ({ level, id, text }) =>
        `<li class="level-${level}"><a href="#${id}">${text.replace(/(?<!<)\//g, '/<wbr>')}</a></li>`,
    );
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>Attractor: ${PAGES[page as keyof typeof PAGES]}</title>
  <link rel="icon" href="/icon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="/style.css">
  <link rel="stylesheet" href="/docs.css">
</head>
<body class="docs">
  <header class="top">
    <a class="brand" href="/"><img src="/icon.svg" alt="" width="26" height="26"><span>Attractor</span></a>
    <nav class="pages" aria-label="Pages">${pages.join('\n')}</nav>
  </header>
  <div class="columns">
    <nav class="contents" aria-label="On this page"><ul>${contents.join('\n')}</ul></nav>
    <main>
${body}
      <p class="raw"><a href="/docs/${page}.md">This page as Markdown</a> · <a href="/openapi.json">OpenAPI 3.1</a></p>
    </main>
  </div>
</body>
</html>
`;
}
