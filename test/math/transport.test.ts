import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRng } from '../../src/math/rng.ts';
import { transport } from '../../src/math/transport.ts';

const ones = (n: number) => new Float64Array(n).fill(1);

function permutations(n: number): number[][] {
  if (n === 0) return [[]];
  return permutations(n - 1).flatMap((rest) =>
    Array.from({ length: n }, (_, at) => [...rest.slice(0, at), n - 1, ...rest.slice(at)]),
  );
}

/** On a line the cheapest plan for a convex cost keeps the order. */
function sortedCost(xs: number[], supply: number[], ys: number[], demand: number[]): number {
  const by = (at: number[]) => at.map((_, i) => i).sort((a, b) => at[a]! - at[b]!);
  const [left, right] = [by(xs), by(ys)];
  const [have, want] = [supply.slice(), demand.slice()];
  let [i, j, cost] = [0, 0, 0];
  while (i < left.length && j < right.length) {
    const amount = Math.min(have[left[i]!]!, want[right[j]!]!);
    cost += amount * (xs[left[i]!]! - ys[right[j]!]!) ** 2;
    have[left[i]!]! -= amount;
    want[right[j]!]! -= amount;
    if (have[left[i]!]! < 1e-12) i++;
    else j++;
  }
  return cost;
}

describe('transport', () => {
  it('equals the best of all assignments', () => {
    const orders = permutations(5);
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 9 }), { minLength: 25, maxLength: 25 }), (list) => {
        const cost = Float64Array.from(list);
        const best = Math.min(
          ...orders.map((order) => order.reduce((sum, sink, source) => sum + cost[source * 5 + sink]!, 0)),
        );
        expect(transport({ cost, supply: ones(5), demand: ones(5) }).cost).toBeCloseTo(best, 9);
      }),
    );
  });

  it('equals the sorted plan on a line, with unequal masses', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 8 }), (seed, n, m) => {
        const rng = createRng(seed);
        const masses = (count: number) => {
          const raw = Array.from({ length: count }, () => rng.int(5));
          raw[0]! += 1;
          const sum = raw.reduce((a, b) => a + b, 0);
          return raw.map((x) => x / sum);
        };
        const [xs, ys] = [n, m].map((count) => Array.from({ length: count }, () => rng.normal()));
        const [supply, demand] = [masses(n), masses(m)];
        const cost = Float64Array.from(xs!.flatMap((x) => ys!.map((y) => (x - y) ** 2)));
        const found = transport({
          cost,
          supply: Float64Array.from(supply),
          demand: Float64Array.from(demand),
        });
        expect(found.cost).toBeCloseTo(sortedCost(xs!, supply, ys!, demand), 9);
      }),
    );
  });

  it('gives a plan that moves all the mass there is', () => {
    const rng = createRng(1);
    const [n, m] = [400, 15];
    const cost = Float64Array.from({ length: n * m }, () => rng.next());
    const { plan } = transport({ cost, supply: ones(n).fill(1 / n), demand: ones(m).fill(1 / m) });
    for (let i = 0; i < n; i++) {
      expect(plan.subarray(i * m, (i + 1) * m).reduce((a, b) => a + b, 0)).toBeCloseTo(1 / n, 12);
    }
    for (let k = 0; k < m; k++) {
      let sum = 0;
      for (let i = 0; i < n; i++) sum += plan[i * m + k]!;
      expect(sum).toBeCloseTo(1 / m, 12);
    }
    expect(plan.every((amount) => amount > -1e-12)).toBe(true);
  });

  it('refuses masses that do not fit', () => {
    const cost = Float64Array.of(1, 2);
    expect(() => transport({ cost, supply: ones(1), demand: ones(2) })).toThrow(
      /demand: expected a sum of 1/,
    );
    expect(() => transport({ cost, supply: ones(2), demand: ones(2) })).toThrow(/cost: expected 2 x 2/);
    const negative = Float64Array.of(2, -1);
    expect(() => transport({ cost, supply: ones(1), demand: negative })).toThrow(/demand\[1\]/);
  });
});
