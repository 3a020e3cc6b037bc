// Attractor under filters of every share, drawn at random and following nearness: recall, and time with all that a query
// takes after its picture was embedded. A filter is never seen twice, so that nothing of it was kept.

import type { Collection } from '../../src/catalogue/types.ts';
import type { Data } from './data.ts';

export interface FilterPoint {
  readonly filter: string;
  readonly share: number;
  readonly recall: number;
  /** Milliseconds, wall. */
  readonly p50: number;
  readonly p95: number;
  /** Queries by plan. */
  readonly plans: Record<string, number>;
}

export async function measureFilters(options: {
  collection: Collection;
  data: Data;
  k: number;
}): Promise<FilterPoint[]> {
  const { collection, data, k } = options;
  const points: FilterPoint[] = [];
  let asked = 0;
  const measure = async (name: string, filter: string | undefined) => {
    const times: number[] = [];
    const plans: Record<string, number> = {};
    let [found, wanted, matches] = [0, 0, 0];
    for (const vector of data.queries.slice(0, 200)) {
      const by = { vector };
      // The same filter to the planner, another text to what keeps the rows of filters.
      const own = filter && `${filter} AND NOT has_id = "none ${asked++}"`;
      const start = performance.now();
      const { hits, explanation } = await collection.query({ by, limit: k, filter: own, explain: true });
      times.push(performance.now() - start);
      const { plan } = explanation!;
      plans[plan] = (plans[plan] ?? 0) + 1;
      matches = explanation!.matches;
      const truth = await collection.query({ by, limit: k, filter, exact: true });
      const ids = new Set(hits.map((hit) => hit.id));
      found += truth.hits.filter((hit) => ids.has(hit.id)).length;
      wanted += truth.hits.length;
    }
    times.sort((a, b) => a - b);
    const at = (part: number) => times[Math.floor(part * times.length)]!;
    const share = matches / data.rows.length;
    const point = {
      filter: name,
      share,
      recall: wanted ? found / wanted : 1,
      p50: at(0.5),
      p95: at(0.95),
      plans,
    };
    points.push(point);
    const cells = [
      (100 * share).toPrecision(3),
      point.recall.toFixed(4),
      point.p50.toFixed(2),
      point.p95.toFixed(2),
    ];
    const columns = cells.map((cell) => cell.padStart(9)).join('');
    console.log(`${name.padEnd(28)}${columns}   ${JSON.stringify(plans)}`);
  };
  console.log('\nfilter                        % kept   recall   p50 ms   p95 ms   plans');
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
