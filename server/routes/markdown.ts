// The Markdown of docs/ as HTML: headings, paragraphs, lists, tables, fenced code, links, bold and code. What our pages use
// and no more; a test holds each page to it. Everything is escaped.

export interface Heading {
  readonly level: number;
  /** As GitHub makes it: what links point at. */
  readonly id: string;
  /** HTML. */
  readonly text: string;
}

export interface Rendered {
  readonly headings: readonly Heading[];
  /** HTML. */
  readonly body: string;
}

const BLOCKS = /^(?:```|#{1,4} |\||- |\d+\. |\s*$)/;

export function render(markdown: string): Rendered {
  const lines = markdown.split('\n');
  const headings: Heading[] = [];
  const html: string[] = [];
  let at = 0;
  /** The next lines for as long as they are `wanted`. */
  const take = (wanted: (line: string) => boolean): string[] => {
    const from = at;
    while (at < lines.length && wanted(lines[at]!)) at++;
    return lines.slice(from, at);
  };
  while (at < lines.length) {
    const line = lines[at]!;
    const heading = /^(#{1,4}) (.+)$/.exec(line);
    const item = /^(?:-|\d+\.) /;
    if (line.startsWith('```')) {
      at++;
      const code = take((one) => !one.startsWith('```'));
      at++;
      html.push(`<pre><code>${escaped(code.join('\n'))}</code></pre>`);
    } else if (heading) {
      at++;
      const one = { level: heading[1]!.length, id: slug(heading[2]!), text: inline(heading[2]!) };
      headings.push(one);
      html.push(
        `<h${one.level} id="${one.id}"><a class="heading" href="#${one.id}">${one.text}</a></h${one.level}>`,
      );
    } else if (line.startsWith('|')) {
      html.push(table(take((one) => one.startsWith('|'))));
    } else if (item.test(line)) {
      const list = take((one) => item.test(one) || /^ +\S/.test(one));
      const items = list.join('\n').split(/\n(?=- |\d+\. )/);
      const tag = line.startsWith('-') ? 'ul' : 'ol';
      html.push(
        `<${tag}>${items.map((one) => `<li>${inline(one.replace(item, ''))}</li>`).join('')}</${tag}>`,
      );
    } else if (line.trim() === '') {
      at++;
    } else {
      html.push(`<p>${inline(take((one) => !BLOCKS.test(one)).join('\n'))}</p>`);
    }
  }
  return { headings, body: html.join('\n') };
}

function table([head, , ...rows]: string[]): string {
  const cells = (row: string, tag: string) =>
    row
      .slice(1, row.lastIndexOf('|'))
      .split('|')
      .map((cell) => `<${tag}>${inline(cell.trim())}</${tag}>`)
      .join('');
  const body = rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('\n');
  return `<div class="table"><table><thead><tr>${cells(head!, 'th')}</tr></thead><tbody>${body}</tbody></table></div>`;
}

/** Code is set aside first: nothing in it means anything. */
function inline(text: string): string {
  const codes: string[] = [];
  return escaped(text)
    .replace(/(`+)(.+?)\1(?!`)/gs, (_, _ticks, code: string) => `\0${codes.push(code.trim()) - 1}\0`)
    .replace(/\[([^\]]+)\]\(([^)\s]+)\)/g, '<a href="$2">$1</a>')
    .replace(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>')
    .replace(/\0(\d+)\0/g, (_, n: string) => `<code>${codes[Number(n)]}</code>`);
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: string) => text.replace(/[&<>"]/g, (one) => ENTITIES[one]!);

const slug = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
