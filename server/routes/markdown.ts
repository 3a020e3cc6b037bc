// The Markdown of docs/ as HTML: marked does it, with the ids of headings that GitHub gives them, so that links work in both.

import GithubSlugger from 'github-slugger';
import { Marked, Renderer } from 'marked';

export interface Heading {
  readonly level: number;
  /** What links point at. */
  readonly id: string;
  /** HTML. */
  readonly text: string;
}

export interface Rendered {
  readonly headings: readonly Heading[];
  /** HTML. */
  readonly body: string;
}

/** Of pages that we wrote: HTML in them goes through as it is. */
export function render(markdown: string): Rendered {
  const headings: Heading[] = [];
  const slugger = new GithubSlugger();
  const marked = new Marked({
    renderer: {
      heading({ tokens, depth: level, text: source }) {
        const [id, text] = [slugger.slug(source), this.parser.parseInline(tokens)];
        headings.push({ level, id, text });
        return `<h${level} id="${id}"><a class="heading" href="#${id}">${text}</a></h${level}>\n`;
      },
      // On disk a page is a file beside the others.
      link(token) {
        const href = token.href.replace(/^(\w+)\.md(?=#|$)/, '/docs/$1');
        return Renderer.prototype.link.call(this, { ...token, href });
      },
      table(token) {
        return `<div class="table">${Renderer.prototype.table.call(this, token)}</div>\n`;
      },
    },
  });
  const body = marked.parse(markdown, { async: false });
  return { headings, body };
}
