// Attractor under filters of every share, drawn at random and following nearness: recall, and time with all that a query
// takes after its picture was embedded. Once with filters that were never seen before, once with the same over again, whose rows
// are kept, and once right after an upsert. CPU time of the thread that the query is on, which looks for the last of its helpers where
// a scan has some: neither a busy machine counts (but for its caches and shared cores: so all of it stands beside a scan of everything)
// nor what other threads compile and collect, which comes in ticks. What all threads take is said of new filters, in the mean.

import { openSync, readSync } from 'node:fs';
import type { Collection } from '../../src/catalogue/types.ts';
import type { FilterInput } from '../../src/filter/read.ts';
import { type Data, itemOf } from './data.ts';

export interface FilterPoint {
  readonly filter: string;
  readonly share: number;
  readonly recall: number;
  /** CPU milliseconds of filters that are new, of those that are not, and of new ones after an upsert. */
  readonly fresh: Times;
  readonly again: Times;
  readonly changed: Times;
  /** Queries by plan. */
  readonly plans: Record<string, number>;
}

export interface Times {
  readonly p50: number;
  readonly p95: number;
  /** Of all threads, in the mean. */
  readonly all: number;
}

/** Given a number near 0, another every time, as in a shop: it changes a row or two; and the category that the query is in. */
type Rule = (bit: number, own: number) => FilterInput | undefined;

const QUERIES = 200;

export async function measureFilters(options: {
  collection: Collection;
  data: Data;
  k: number;
}): Promise<FilterPoint[]> {
  const { collection, data, k } = options;
  const queries = data.queries.slice(0, QUERIES);
  const points: FilterPoint[] = [];
  let asked = 0;

  const file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  const text = Buffer.alloc(64);
  const cpu = () => {
    // Brings the account up to date.
    process.cpuUsage();
    return Number.parseInt(text.toString('latin1', 0, readSync(file, text, 0, 64, 0)), 10) / 1e6;
  };
  const own: number[] = [];
  for (const vector of queries) {
    const { hits } = await collection.query({ by: { vector }, limit: 1 });
    own.push(data.category[Number(hits[0]!.id)]!);
  }
  const time = async (rule: Rule, before?: (i: number) => Promise<unknown>, exact?: boolean) => {
    const times: number[] = [];
    let all = 0;
    for (const [i, vector] of queries.entries()) {
      await before?.(i);
      const filter = rule(1e-9 * asked++, own[i]!);
      const start = cpu();
      const used = process.cpuUsage();
      await collection.query({ by: { vector }, limit: k, filter, exact });
      times.push(cpu() - start);
      const { user, system } = process.cpuUsage(used);
      all += (user + system) / 1000 / QUERIES;
    }
    times.sort((a, b) => a - b);
    return { p50: times[Math.floor(0.5 * QUERIES)]!, p95: times[Math.floor(0.95 * QUERIES)]!, all };
  };

  const measure = async (name: string, rule: Rule) => {
    const fresh = await time(rule);
    const again = await time((_, own) => rule(0, own));
    const changed = await time(rule, (i) => collection.upsert({ items: [itemOf(data, i)] }));
    const plans: Record<string, number> = {};
    let [found, wanted, matches] = [0, 0, 0];
    for (const [i, vector] of queries.entries()) {
      const by = { vector };
      const filter = rule(0, own[i]!);
      const { hits, explanation } = await collection.query({ by, limit: k, filter, explain: true });
      const truth = await collection.query({ by, limit: k, filter, exact: true });
      const { plan } = explanation!;
      plans[plan] = (plans[plan] ?? 0) + 1;
      matches = explanation!.matches;
      const ids = new Set(hits.map((hit) => hit.id));
      found += truth.hits.filter((hit) => ids.has(hit.id)).length;
      wanted += truth.hits.length;
    }
    const share = matches / data.rows.length;
    const recall = wanted === 0 ? 1 : found / wanted;
    points.push({ filter: name, share, recall, fresh, again, changed, plans });
    const times = [fresh, again, changed]
      .flatMap(({ p50, p95 }) => [p50, p95])
      .map((ms) => ms.toFixed(2).padStart(9))
      .join('');
    const kept = (100 * share).toPrecision(3).padStart(9);
    const cells = [kept, recall.toFixed(4).padStart(9), times, fresh.all.toFixed(2).padStart(9)].join('');
    console.log(`${name.padEnd(22)}${cells}   ${JSON.stringify(plans)}`);
  };

  console.log(
    '\nCPU time                                      new filter       seen before      after an upsert',
  );
  console.log(`filter                  % kept   recall${'   p50 ms   p95 ms'.repeat(3)}  all, new   plans`);
  await measure('none, to warm up', () => undefined);
  await measure('none', () => undefined);
  const { p50, p95 } = await time(() => undefined, undefined, true);
  console.log(`a scan of everything: p50 ${p50.toFixed(2)}, p95 ${p95.toFixed(2)}`);
  for (const share of [0.9, 0.5, 0.2, 0.1, 0.05, 0.01, 0.001, 0.0001]) {
    await measure(`random ${100 * share} %`, (bit) => `dice < ${share + bit}`);
    if (share < 1 / 60) continue;
    await measure(`clusters ${100 * share} %`, (bit) => `category < ${Math.round(60 * share) - bit}`);
  }
  await measure('one cluster', (bit) => `category > ${6 + bit} AND category < 8`);
  await measure('part of one cluster', (bit) => `category = 7 AND dice < ${0.01 + bit}`);
  await measure('from a text on', (bit) => `title >= "chair 30 ${bit}"`);
  await measure('two words', (bit) => `title CONTAINS "number ${Math.round(1e9 * bit)}"`);
  await measure('all but its cluster', (bit, own) => `category < ${own - bit} OR category > ${own + bit}`);
  await measure('a third of those', (bit, own) => `category != ${own} AND dice < ${0.3 + bit}`);
  await measure('its cluster, half', (bit, own) => `category = ${own} AND dice >= ${0.5 + bit}`);
  await measure('a tag', (bit, own) => `tags IN ["colour ${own % 12}"] AND dice < ${1 + bit}`);
  await measure('another tag', (bit, own) => `tags IN ["colour ${(own + 1) % 12}"] AND dice < ${1 + bit}`);
  await measure('not reduced', (bit) => `reduced IS NULL AND dice < ${1 + bit}`);
  await measure('a sparse range', (bit) => `reduced >= ${5 + bit} AND reduced < 15`);
  await measure('one of three', (bit) => `category < 5 OR dice < ${0.1 + bit} OR tags IN ["colour 7"]`);
  await measure('two groups', (bit) => ({
    must: [
      {
        should: [
          { key: 'category', range: { lt: 20 } },
          { key: 'tags', match: { value: 'sale' } },
        ],
      },
    ],
    must_not: [
      { key: 'dice', range: { gt: 0.8 + bit } },
      { key: 'title', match: { text: 'number 77' } },
    ],
  }));
  const ids = (bit: number) =>
    Array.from({ length: 1000 }, (_, i) => String((7919 * i + Math.round(3e10 * bit)) % data.rows.length));
  await measure('1,000 ids', (bit) => ({ must: [{ has_id: ids(bit) }] }));
  await measure('all but 1,000 ids', (bit) => ({ must_not: [{ has_id: ids(bit) }] }));
  return points;
}
