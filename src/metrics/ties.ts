// What one query scores when equal similarities have no order: the expectation over every order of each tie group,
// in closed form, and the worst and best order. Knows counts only, not vectors.
//
// One group = all gallery items that share one similarity with the query, at least one of them relevant.
// `before` items rank above it; it holds `relevant` + `irrelevant` items. Groups come best first.

export interface Expectation {
  expected: number;
  pessimistic: number;
  optimistic: number;
}

export interface TieGroups {
  readonly count: number;
  readonly before: Uint32Array;
  readonly relevant: Uint32Array;
  readonly irrelevant: Uint32Array;
}

/**
 * Recall@K in the metric-learning sense: is any of the first K relevant? Only the first group can decide. With t items
 * of which m relevant and r = min(K - before, t) places, E = 1 - C(t-m, r) / C(t, r).
 */
export function recallAtK(groups: TieGroups, k: number, out: Expectation): void {
  const before = groups.before[0]!;
  const m = groups.relevant[0]!;
  const n = groups.irrelevant[0]!;
  const places = groups.count === 0 ? 0 : Math.min(k - before, m + n);
  if (places <= 0) set(out, 0, 0, 0);
  else set(out, 1 - noneRelevant(m, n, places), places > n ? 1 : 0, 1);
}

/** C(n, r) / C(m + n, r): the chance that r places drawn from the group are all irrelevant. */
function noneRelevant(m: number, n: number, r: number): number {
  if (r > n) return 0;
  let chance = 1;
  // The product over places and the product over relevant items are the same number: take the shorter.
  if (r <= m) for (let i = 0; i < r; i++) chance *= (n - i) / (m + n - i);
  else for (let i = 0; i < m; i++) chance *= (m + n - r - i) / (m + n - i);
  return chance;
}

/** Share of relevant items among the first R, R = all relevant items (the groups' own sum). */
export function rPrecision(groups: TieGroups, total: number, out: Expectation): void {
  set(out, 0, 0, 0);
  for (let g = 0; g < groups.count && groups.before[g]! < total; g++) {
    const m = groups.relevant[g]!;
    const n = groups.irrelevant[g]!;
    const places = Math.min(total - groups.before[g]!, m + n);
    out.expected += (places * m) / (m + n) / total;
    out.optimistic += Math.min(places, m) / total;
    out.pessimistic += Math.max(0, places - n) / total;
  }
}

/**
 * MAP@R (Musgrave et al. 2020, section 3.2): (1/R) sum over i <= R of P(i) rel(i), per query. In a group with c relevant
 * items before it, the item at its j-th place is relevant with chance m/t and then has (j-1)(m-1)/(t-1) relevant items of
 * its own group above it on average (McSherry and Najork 2008), so E[P(i) rel(i)] = m/t (c + 1 + (j-1)(m-1)/(t-1)) / i.
 */
export function averagePrecisionAtR(groups: TieGroups, total: number, out: Expectation): void {
  set(out, 0, 0, 0);
  let found = 0;
  for (let g = 0; g < groups.count && groups.before[g]! < total; g++) {
    const before = groups.before[g]!;
    const m = groups.relevant[g]!;
    const n = groups.irrelevant[g]!;
    const size = m + n;
    const places = Math.min(total - before, size);
    const gain = size > 1 ? (m - 1) / (size - 1) : 0;
    for (let j = 1; j <= places; j++) {
      const rank = before + j;
      out.expected += ((m / size) * (found + 1 + (j - 1) * gain)) / rank / total;
      if (j <= m) out.optimistic += (found + j) / rank / total;
      if (j > n) out.pessimistic += (found + j - n) / rank / total;
    }
    found += m;
  }
}

function set(out: Expectation, expected: number, pessimistic: number, optimistic: number): void {
  out.expected = expected;
  out.pessimistic = pessimistic;
  out.optimistic = optimistic;
}
