// How well a score finds the positives among all items (wrong labels, outliers): AUROC and average precision. Equal
// scores have no order. Not retrieval: there is one ranking, not one per query.

import { invalid, refuseUnknown } from '../errors/error.ts';

export interface DetectionOptions {
  /** One per item, higher means more likely positive. Infinities are allowed, NaN is refused. */
  readonly scores: ArrayLike<number>;
  /** One per item, truthy for a positive. */
  readonly positives: ArrayLike<number | boolean>;
}

/**
 * Chance that a positive scores above a negative, ties by half (Mann-Whitney U over |P| |N|; Hanley and McNeil 1982).
 * 0 to 1; NaN without positives or without negatives. O(n log n). Throws `invalid_argument` on NaN or unequal lengths.
 */
export function auroc(options: DetectionOptions): number {
  let [lost, p, n] = [0, 0, 0];
  forEachTie(options, 'auroc', (positives, negatives) => {
    lost += positives * (n + negatives / 2);
    p += positives;
    n += negatives;
  });
  return 1 - lost / (p * n);
}

/**
 * Mean over positives of the precision at their rank, in expectation over every order of the ties: with c positives
 * before a group of m positives among t items, its j-th place is positive with chance m/t and has on average
 * (j-1)(m-1)/(t-1) of them above it (McSherry and Najork 2008). 0 to 1, the base rate by chance; NaN without positives.
 * scikit-learn's average_precision_score gives a whole tie group its last precision; without ties both agree.
 */
export function averagePrecision(options: DetectionOptions): number {
  let [sum, found, before] = [0, 0, 0];
  forEachTie(options, 'averagePrecision', (positives, negatives) => {
    const size = positives + negatives;
    const gain = size > 1 ? (positives - 1) / (size - 1) : 0;
    if (positives > 0) {
      for (let j = 1; j <= size; j++) {
        sum += ((positives / size) * (found + 1 + (j - 1) * gain)) / (before + j);
      }
    }
    found += positives;
    before += size;
  });
  return sum / found;
}

/** Calls with the make-up of each group of equal scores, best score first. */
function forEachTie(
  options: DetectionOptions,
  where: string,
  visit: (positives: number, negatives: number) => void,
): void {
  refuseUnknown(options, ['scores', 'positives'], where);
  const { scores, positives } = options;
  const n = scores.length;
  if (positives.length !== n) throw invalid('positives', `${n} values, one per score`, positives.length);
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) {
    if (Number.isNaN(scores[i])) throw invalid(`scores[${i}]`, 'a number', scores[i]);
    order[i] = i;
  }
  // Not a subtraction: the difference of two equal infinities is NaN.
  order.sort((x, y) => (scores[x]! > scores[y]! ? -1 : scores[x]! < scores[y]! ? 1 : 0));
  for (let start = 0, end = 0; start < n; start = end) {
    let hits = 0;
    for (; end < n && scores[order[end]!] === scores[order[start]!]; end++)
      if (positives[order[end]!]) hits++;
    visit(hits, end - start - hits);
  }
}
