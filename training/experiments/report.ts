// Results in, `report.html` and `summary.json` out. What the numbers are is summary.ts's, how it looks page.ts's.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { thumbnail } from '../../src/image/thumbnail.ts';
import { writeChargesReport } from './charges-report.ts';
import { isCharges } from './charges-schema.ts';
import { leftOut, noResults } from './lines.ts';
import type { Look } from './look.ts';
import { pageOf, type Section } from './page.ts';
import { curves, mapOf } from './plots.ts';
import { type Line, readResults } from './run.ts';
import { parseExperiment } from './schema.ts';
import { mean } from './statistics.ts';
import { type Table, tablesOf } from './summary.ts';

/** Of a thumbnail, twice what the page shows. */
const SIZE = 104;

/** Of the cells of the folder's `experiment.json`; `note`: how many others there are. Throws `invalid_argument` where it has none. */
export async function writeReport(options: {
  folder: string;
}): Promise<{ tables: readonly Pick<Table, 'title' | 'verdict' | 'text'>[]; note?: string }> {
  const { folder } = options;
  const file = join(folder, 'experiment.json');
  if (!existsSync(file)) throw noResults(folder, 0);
  const json = JSON.parse(readFileSync(file, 'utf8')) as unknown;
  if (isCharges(json)) return writeChargesReport({ folder, experiment: json });
  const experiment = parseExperiment(json);
  const { lines, others } = readResults(folder, experiment);
  if (lines.length === 0) throw noResults(folder, others);
  const note = leftOut(others);
  const tables = tablesOf(lines);
  const sections: Section[] = [];
  for (const data of new Set(lines.map((line) => line.data))) {
    const own = tables.filter((table) => table.data === data);
    sections.push({
      data,
      tables: await Promise.all(own.map((table) => ({ table, lines: linesOf(table, lines) })).map(withPlots)),
      look: await lookOf(join(folder, `look-${data}.json`)),
    });
  }
  writeFileSync(join(folder, 'report.html'), pageOf({ experiment, sections, note }));
  const summary = tables.map(({ text: _, ...rest }) => rest);
  writeFileSync(
    join(folder, 'summary.json'),
    `${JSON.stringify({ title: experiment.title, note, tables: summary }, null, 2)}\n`,
  );
  return { tables, note };
}

const linesOf = (table: Table, lines: readonly Line[]) =>
  lines.filter(
    ({ data, audit }) => table.title === `${data}${audit === 'off' ? '' : `, field audit ${audit}`}`,
  );

async function withPlots({ table, lines }: { table: Table; lines: readonly Line[] }) {
  return { table, curves: await curves(lines), audit: auditOf(lines) };
}

/** What the audit found, in a sentence for each noise. */
function auditOf(lines: readonly Line[]): string | undefined {
  const audited = lines.filter((line) => line.audited !== undefined);
  if (audited.length === 0) return undefined;
  const rates = [...new Set(audited.map(({ noise }) => noise.rate))];
  return rates
    .map((rate) => {
      const some = audited.filter(({ noise }) => noise.rate === rate).map((line) => line.audited!);
      const of = (value: (one: (typeof some)[number]) => number) => Math.round(mean(some.map(value)));
      const used = some.filter((one) => one.used).length;
      const changes = `the audit relabelled ${of((one) => one.relabelled)} images and dropped ${of((one) => one.dropped)}`;
      if (rate === 0)
        return `Right labels: ${changes} on average, and was used in ${used} of ${some.length} splits.`;
      const found = (100 * mean(some.map((one) => one.auroc ?? Number.NaN))).toFixed(1);
      return `${Math.round(100 * rate)} % wrong: ${changes}, which leaves ${of((one) => one.wrongAfter)} of ${of((one) => one.wrongBefore)} wrong labels (AUROC of the score ${found}); used in ${used} of ${some.length}.`;
    })
    .join(' ');
}

async function lookOf(file: string): Promise<Section['look']> {
  if (!existsSync(file)) return undefined;
  const look = JSON.parse(readFileSync(file, 'utf8')) as Look;
  const picture = async ({ image, label }: { image: string; label: string }) => {
    const jpeg = await thumbnail({ bytes: await readFile(image), size: SIZE });
    return { image: `data:image/jpeg;base64,${Buffer.from(jpeg).toString('base64')}`, label };
  };
  const queries = [];
  for (const query of look.queries) {
    const neighbours = [];
    for (const one of query.neighbours)
      neighbours.push({ ...(await picture(one)), hit: one.label === query.label });
    queries.push({ query: await picture(query), kind: query.kind, neighbours });
  }
  return { method: look.method, map: await mapOf(look), queries };
}
