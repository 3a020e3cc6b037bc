// Exact optimal transport between many sources and few sinks (the transportation problem), by successive shortest paths.
// Exact means the true minimum, not an entropic or sliced one. Meant for up to some thousand sources and some tens of sinks.

import { invalid, refuseUnknown } from '../errors/error.ts';

export interface TransportOptions {
  /** [supply.length, demand.length], row-major: cost of moving one unit. */
  readonly cost: Float64Array;
  /** Mass at each source and at each sink, 0 or more; equal sums up to 1e-9 of them. */
  readonly supply: Float64Array;
  readonly demand: Float64Array;
}

/**
 * Least total cost and its plan [sources, sinks].
 *
 * Sources are served one after another. Each sends its mass along the cheapest path to a sink with room, which may push
 * earlier mass from sink to sink; after each path the plan is optimal for what has been sent (Ahuja, Magnanti and Orlin
 * 1993, section 9.7). A path runs over sinks only, with arc j to k as cheap as the cheapest source that j can hand to k, so
 * one costs sinks^3 and an update sources x sinks. Throws `invalid_argument`.
 */
export function transport(options: TransportOptions): { cost: number; plan: Float64Array } {
  refuseUnknown(options, ['cost', 'supply', 'demand'], 'transport');
  const { cost, supply, demand } = options;
  const [n, m] = [supply.length, demand.length];
  if (cost.length !== n * m) throw invalid('cost', `${n} x ${m} values`, cost);
  const total = checkedSum(supply, 'supply');
  const asked = checkedSum(demand, 'demand');
  if (Math.abs(total - asked) > 1e-9 * Math.max(total, asked))
    throw invalid('demand', `a sum of ${total}`, asked);

  const negligible = 1e-12 * total;
  const plan = new Float64Array(n * m);
  const room = demand.slice();
  // Cheapest hand-over from sink j to sink k, and the source it takes it from.
  const arc = new Float64Array(m * m).fill(Number.POSITIVE_INFINITY);
  const arcSource = new Int32Array(m * m);
  const refreshArcs = (j: number) => {
    arc.fill(Number.POSITIVE_INFINITY, j * m, (j + 1) * m);
    for (let i = 0; i < n; i++) {
      if (plan[i * m + j]! <= negligible) continue;
      for (let k = 0; k < m; k++) {
        const price = cost[i * m + k]! - cost[i * m + j]!;
        if (price >= arc[j * m + k]!) continue;
        arc[j * m + k] = price;
        arcSource[j * m + k] = i;
      }
    }
  };
  const distance = new Float64Array(m);
  const previous = new Int32Array(m);

  for (let source = 0; source < n; source++) {
    let left = supply[source]!;
    while (left > negligible) {
      shortest({ cost, row: source * m, arc, distance, previous });
      let end = -1;
      for (let k = 0; k < m; k++) {
        if (room[k]! > negligible && (end < 0 || distance[k]! < distance[end]!)) end = k;
      }
      if (end < 0) break;
      let amount = Math.min(left, room[end]!);
      const path = [end];
      for (let k = end; previous[k]! >= 0; k = previous[k]!) {
        const j = previous[k]!;
        amount = Math.min(amount, plan[arcSource[j * m + k]! * m + j]!);
        path.push(j);
      }
      for (let at = 0; at + 1 < path.length; at++) {
        const [k, j] = [path[at]!, path[at + 1]!];
        const moved = arcSource[j * m + k]! * m;
        plan[moved + j]! -= amount;
        plan[moved + k]! += amount;
      }
      plan[source * m + path.at(-1)!]! += amount;
      room[end]! -= amount;
      left -= amount;
      for (const j of path) refreshArcs(j);
    }
  }
  return { cost: plan.reduce((sum, amount, at) => sum + amount * cost[at]!, 0), plan };
}

/** Bellman-Ford from one source over the sinks: arcs may be negative, cycles of the residual graph never are. */
function shortest(options: {
  cost: Float64Array;
  row: number;
  arc: Float64Array;
  distance: Float64Array;
  previous: Int32Array;
}): void {
  const { cost, row, arc, distance, previous } = options;
  const m = distance.length;
  for (let k = 0; k < m; k++) {
    distance[k] = cost[row + k]!;
    previous[k] = -1;
  }
  for (let round = 1, changed = true; changed && round < m; round++) {
    changed = false;
    for (let j = 0; j < m; j++) {
      for (let k = 0; k < m; k++) {
        const through = distance[j]! + arc[j * m + k]!;
        // A cycle of cost zero must not count as shorter by rounding: the path would never end.
        if (through >= distance[k]! - 1e-12 * (1 + Math.abs(distance[k]!))) continue;
        distance[k] = through;
        previous[k] = j;
        changed = true;
      }
    }
  }
}

function checkedSum(masses: Float64Array, field: string): number {
  let sum = 0;
  masses.forEach((mass, i) => {
    if (!(mass >= 0 && Number.isFinite(mass))) throw invalid(`${field}[${i}]`, 'a mass of 0 or more', mass);
    sum += mass;
  });
  if (sum === 0) throw invalid(field, 'some mass', sum);
  return sum;
}
