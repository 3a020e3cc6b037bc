// The report's page: one HTML file without a request to anywhere. Words and layout; the numbers come with the tables.

import type { Experiment } from './schema.ts';
import { AT_START, anyAtStart, percent, type Table } from './summary.ts';

export interface Picture {
  /** A data URI. */
  readonly image: string;
  readonly label: string;
}

export interface Section {
  readonly data: string;
  readonly tables: readonly { readonly table: Table; readonly curves: string; readonly audit?: string }[];
  readonly look?: {
    readonly method: string;
    readonly map: string;
    readonly queries: readonly {
      query: Picture;
      kind: string;
      neighbours: readonly (Picture & { hit: boolean })[];
    }[];
  };
}

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --hit: #1a8f4c; --miss: #c2410c; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; margin: .5rem 0; } h2 { margin: 2.5rem 0 .5rem; border-bottom: 1px solid var(--line); }
h3 { margin: 1.8rem 0 .3rem; font-size: 1.05rem; }
p { max-width: 46rem; margin: .6rem 0; } .small { font-size: .85rem; opacity: .75; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .25rem .7rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: Canvas; }
td.top { font-weight: 700; } tr:not(.auto) + tr.auto td { border-top: 2px solid currentColor; }
svg { max-width: 100%; height: auto; } .scroll + svg { margin-top: 1rem; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 23.5rem), 1fr)); gap: .7rem 1.5rem; }
.query { display: flex; gap: .3rem; align-items: end; overflow-x: auto; }
figure { margin: 0; text-align: center; font-size: .75rem; } figure img { width: 46px; height: 46px; display: block; border: 3px solid var(--line); border-radius: 4px; background: #fff; }
figure.hit img { border-color: var(--hit); } figure.miss img { border-color: var(--miss); } figure.query-image img { border-color: currentColor; margin-right: .4rem; }
`;

export const quoted = (text: string) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

export function pageOf(options: {
  experiment: Experiment;
  sections: readonly Section[];
  note?: string;
}): string {
  const { experiment, sections, note } = options;
  const { title, about, data, splits, seeds, trials, folds, epochs, testClasses } = experiment;
  const half = `${Math.round(100 * testClasses)} % of the classes are unseen by everything`;
  const across = data
    .filter((one) => one.across !== undefined)
    .map((one) => `, of ${one.name} only among those of another ${one.across}`);
  const facts = `${half}; the rest trains, and chooses settings and epoch on ${folds} class-disjoint ${folds === 1 ? 'fold' : 'folds'}. Every loss has ${trials} ${trials === 1 ? 'trial' : 'trials'} of ${epochs} epochs, the same features, start, optimiser and batches. Wrong labels are planted in what trains and chooses; scores are by right labels. Per cent, mean ± 95 % interval (Student, of three or more) over class splits ${splits.join(', ')}, each ${seeds.length === 1 ? `with seed ${seeds[0]}` : `the mean over seeds ${seeds.join(', ')}`}; closed forms have no seed. Bold: the best MAP@R of its column and what is not told from it by paired differences over the splits. Each image is searched among all others of its side, itself left out${across.join('')}, ties by expectation.`;
  return documentOf({ title, about, facts, note, body: sections.map(section).join('\n') });
}

/** `body` is HTML, the others are text. */
export function documentOf(options: {
  title: string;
  about: string;
  facts: string;
  note?: string;
  body: string;
}): string {
  const { title, about, facts, note, body } = options;
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${quoted(title)}</title><style>${STYLE}</style>
<h1>${quoted(title)}</h1>
<p>${quoted(about)}</p>
<p class="small">${quoted(facts)}</p>${note ? `\n<p>${quoted(note)}</p>` : ''}
${body}
</html>
`;
}

function section({ data, tables, look }: Section): string {
  const parts = [`<h2>${quoted(data)}</h2>`];
  for (const { table, curves, audit } of tables) {
    if (table.title !== data) parts.push(`<h3>${quoted(table.title)}</h3>`);
    parts.push(...table.verdict.split('\n').map((line) => `<p>${quoted(line)}</p>`));
    if (audit) parts.push(`<p>${quoted(audit)}</p>`);
    parts.push(tableOf(table), curves);
  }
  if (look) {
    const { method, map, queries } = look;
    parts.push(
      `<h3>What ${quoted(method)} finds among unseen classes</h3>`,
      '<p class="small">The query, then its nearest images: ✓ of its class, ✗ of another. First queries with the most misses, then random ones.</p>',
      `<div class="grid">${queries.map(queryOf).join('')}</div>`,
      '<h3>Some unseen classes, in two dimensions</h3>',
      '<p class="small">UMAP of their embeddings; a colour is a class.</p>',
      map,
    );
  }
  return parts.join('\n');
}

function tableOf({ columns, rows }: Table): string {
  const names = ['R@1', 'RP', 'MAP@R'];
  const head = `<tr><th rowspan="2">method</th><th rowspan="2">length</th>${columns.map((name) => `<th colspan="3">${quoted(name)}</th>`).join('')}</tr><tr>${columns.map(() => names.map((name) => `<th>${name}</th>`).join('')).join('')}</tr>`;
  const body = rows.map(({ method, lengths, cells, level, starts }) => {
    const values = cells.map((cell, i) => {
      if (!cell) return '<td colspan="3">–</td>';
      const { recallAt1, rPrecision, mapAtR } = cell;
      const start = starts[i]! > 0 ? `<sup title="epoch 0 in splits: ${starts[i]}">°</sup>` : '';
      return `<td>${percent(recallAt1)}</td><td>${percent(rPrecision)}</td><td${level[i] ? ' class="top"' : ''}>${percent(mapAtR)}${start}</td>`;
    });
    return `<tr${method.startsWith('auto') ? ' class="auto"' : ''}><td>${quoted(method)}</td><td>${lengths}</td>${values.join('')}</tr>`;
  });
  const beneath = anyAtStart(rows) ? `<p class="small">${AT_START}</p>` : '';
  return `<div class="scroll"><table>${head}${body.join('')}</table></div>${beneath}`;
}

function queryOf({ query, neighbours }: NonNullable<Section['look']>['queries'][number]): string {
  const figure = ({ image, label }: Picture, kind: string, mark: string) =>
    `<figure class="${kind}"><img src="${image}" alt="${quoted(label)}" title="${quoted(label)}">${mark}</figure>`;
  const found = neighbours.map((one) => figure(one, one.hit ? 'hit' : 'miss', one.hit ? '✓' : '✗'));
  return `<div class="query">${figure(query, 'query-image', '?')}${found.join('')}</div>`;
}
