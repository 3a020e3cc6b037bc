// /docs and below it /docs/errors, /docs/api and others: the pages that error links point at, to be read; and beside each its
// Markdown.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DOCS_FOLDER } from '../config.ts';
import type { Route } from '../http/route.ts';
import { type Rendered, render } from './markdown.ts';

const PAGES = { api: 'API', errors: 'Errors', client: 'TypeScript client', operations: 'Operations' };
type Page = keyof typeof PAGES;
const HTML = { 'Content-Type': 'text/html; charset=utf-8' };

const links = (here?: Page) =>
  Object.entries(PAGES).map(
    ([page, title]) => `<a href="/docs/${page}"${page === here ? ' aria-current="page"' : ''}>${title}</a>`,
  );

const index: Route = {
  method: 'get',
  path: '/docs',
  doc: { summary: 'The list of pages', media: { 'text/html': undefined } },
  scope: 'open',
  handle() {
    const list = links().map((link) => `<li>${link}</li>`);
    const body = `<h1>Documentation</h1>\n<ul>${list.join('\n')}</ul>`;
    return { bytes: Buffer.from(documentOf({ headings: [], body })), headers: HTML };
  },
};

const pages = (Object.keys(PAGES) as Page[]).flatMap((page): Route[] => {
  const read = () => readFile(join(DOCS_FOLDER, `${page}.md`));
  let html: Promise<Buffer> | undefined;
  return [
    {
      method: 'get',
      path: `/docs/${page}`,
      doc: { summary: `docs/${page}.md, to be read`, media: { 'text/html': undefined } },
      scope: 'open',
      async handle() {
        html ??= read().then((text) => Buffer.from(documentOf(render(text.toString('utf8')), page)));
        return { bytes: await html, headers: HTML };
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

export const docsRoutes: readonly Route[] = [index, ...pages];

/** Without a page: of the list of them. */
function documentOf({ headings, body }: Rendered, page?: Page): string {
  const markdown = page ? `<a href="/docs/${page}.md">This page as Markdown</a> · ` : '';
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
  <title>Attractor: ${page ? PAGES[page] : 'Documentation'}</title>
  <link rel="icon" href="/icon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="/style.css">
  <link rel="stylesheet" href="/docs.css">
</head>
<body class="docs">
  <header class="top">
    <a class="brand" href="/"><img src="/icon.svg" alt="" width="26" height="26"><span>Attractor</span></a>
    <nav class="pages" aria-label="Pages">${links(page).join('\n')}</nav>
  </header>
  <div class="columns">
    <nav class="contents" aria-label="On this page"><ul>${contents.join('\n')}</ul></nav>
    <main>
${body}
      <p class="raw">${markdown}<a href="/openapi.json">OpenAPI 3.1</a></p>
    </main>
  </div>
</body>
</html>
`;
}
