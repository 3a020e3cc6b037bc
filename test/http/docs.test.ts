// The pages of /docs as they are read: all of their Markdown is understood, every link leads somewhere, also those of errors.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { render } from '../../server/routes/markdown.ts';
import { ERRORS } from '../../src/errors/table.ts';
import { openShop, type TestShop } from './shop.ts';

const PAGES = ['/docs/api', '/docs/errors', '/docs/client', '/docs/operations'];
let shop: TestShop;
const pages = new Map<string, string>();
beforeAll(async () => {
  shop = await openShop();
  for (const path of ['/docs', ...PAGES]) {
    const { text, type } = await shop.http.get(path).expect(200);
    expect(type).toBe('text/html');
    pages.set(path, text);
  }
});
afterAll(() => shop.close());

const all = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, found]) => found!);

test.each(PAGES)('%s has no Markdown left, and no id twice', (path) => {
  const text = pages.get(path)!;
  const words = text.replace(/<pre>[\s\S]*?<\/pre>/g, '').replace(/<code>[\s\S]*?<\/code>/g, '');
  expect(words.match(/\*\*|\]\(|`|^#|^\||^- |<p>\d+\. /gm)).toBeNull();
  const ids = all(text, /id="([^"]*)"/g);
  expect(ids.length).toBe(new Set(ids).size);
  for (const table of all(text, /<table>([\s\S]*?)<\/table>/g)) {
    const rows = all(table, /<tr>([\s\S]*?)<\/tr>/g).map((row) => all(row, /<(t[hd])>/g).length);
    expect(new Set(rows).size, table).toBe(1);
  }
});

test('the list has them all', () => {
  for (const path of PAGES) expect(pages.get('/docs')).toContain(`<li><a href="${path}">`);
});

test('every link leads somewhere', async () => {
  const broken: string[] = [];
  for (const [page, text] of pages) {
    for (const link of new Set(all(text, /(?:href|src)="([^"]*)"/g))) {
      if (/^https?:/.test(link)) continue;
      const [path, id] = link.split('#');
      const target = path === '' ? text : (pages.get(path!) ?? (await shop.http.get(path!)));
      const found =
        typeof target === 'string' ? id === undefined || target.includes(`id="${id}"`) : target.ok;
      if (!found) broken.push(`${page}: ${link}`);
    }
  }
  expect(broken).toEqual([]);
  for (const code of Object.keys(ERRORS)) expect(pages.get('/docs/errors')).toContain(`<h2 id="${code}">`);
});

test('beside each is its Markdown', async () => {
  for (const path of PAGES) {
    const { text, type } = await shop.http.get(`${path}.md`).expect(200);
    expect([type, text.slice(0, 2)]).toEqual(['text/plain', '# ']);
  }
});

test('headings have the ids that GitHub gives them, tables a box to scroll in', () => {
  const { body, headings } = render(
    '# A `b` & c\n\n## Twice\n\n## Twice\n\n| a | b |\n| - | - |\n| `<i>` | "q" |\n',
  );
  expect(headings).toEqual([
    { level: 1, id: 'a-b--c', text: 'A <code>b</code> &amp; c' },
    { level: 2, id: 'twice', text: 'Twice' },
    { level: 2, id: 'twice-1', text: 'Twice' },
  ]);
  expect(body).toContain('<h2 id="twice-1"><a class="heading" href="#twice-1">Twice</a></h2>');
  expect(body.replace(/\s/g, '')).toContain(
    '<divclass="table"><table><thead><tr><th>a</th><th>b</th></tr></thead>',
  );
  expect(body).toContain('<td><code>&lt;i&gt;</code></td>');
});
