// Attractor under filters of every share, drawn at random and following nearness: recall, and time with all that a query
// takes after its picture was embedded. Once with filters that were never seen before, and once with the same over again,
// whose rows are kept.

import type { Collection } from '../../src/catalogue/types.ts';
import type { Data } from './data.ts';

export interface FilterPoint {
  readonly filter: string;
  readonly share: number;
  readonly recall: number;
  /** Milliseconds, wall, of filters that are new and of those that are not. */
  readonly fresh: { readonly p50: number; readonly p95: number };
  readonly again: { readonly p50: number; readonly p95: number };
  /** Queries by plan. */
  readonly plans: Record<string, number>;
}

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

  const time = async (filter: () => string | undefined) => {
    const times: number[] = [];
    for (const vector of queries) {
      const own = filter();
      const start = performance.now();
      await collection.query({ by: { vector }, limit: k, filter: own });
      times.push(performance.now() - start);
    }
    times.sort((a, b) => a - b);
    return { p50: times[Math.floor(0.5 * QUERIES)]!, p95: times[Math.floor(0.95 * QUERIES)]! };
  };

  const measure = async (name: string, filter: string | undefined) => {
    // The same to the planner, another text to what keeps the rows of filters.
    const fresh = await time(() => filter && `${filter} AND NOT has_id = "none ${asked++}"`);
    const again = await time(() => filter);
    const plans: Record<string, number> = {};
    let [found, wanted, matches] = [0, 0, 0];
    for (const vector of queries) {
      const by = { vector };
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
    points.push({ filter: name, share, recall, fresh, again, plans });
    const times = [fresh.p50, fresh.p95, again.p50, again.p95]
      .map((ms) => ms.toFixed(2).padStart(9))
      .join('');
    const kept = (100 * share).toPrecision(3).padStart(9);
    console.log(
      `${name.padEnd(22)}${kept}${recall.toFixed(4).padStart(9)}${times}   ${JSON.stringify(plans)}`,
    );
  };

  console.log('\n                                              new filter       seen before');
  console.log('filter                  % kept   recall   p50 ms   p95 ms   p50 ms   p95 ms   plans');
  await measure('none, to warm up', undefined);
  await measure('none', undefined);
  for (const share of [0.9, 0.5, 0.2, 0.1, 0.05, 0.01, 0.001, 0.0001]) {
    await measure(`random ${100 * share} %`, `dice < ${share}`);
    if (share >= 1 / 60) await measure(`clusters ${100 * share} %`, `category < ${Math.round(60 * share)}`);
  }
  await measure('one cluster', 'category = 7');
  await measure('part of one cluster', 'category = 7 AND dice < 0.01');
  return points;
}
