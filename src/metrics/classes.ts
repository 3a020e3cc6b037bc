// Retrieval results class by class, from the values per query: which classes are found badly. No second evaluation.

import { invalid, refuseUnknown } from '../errors/error.ts';
import type { QueryValues } from './retrieval.ts';

export interface ClassResult {
  readonly label: string;
  /** Queries of this class that were scored, and those that were not because the gallery has no other item of it. */
  readonly queries: number;
  readonly lone: number;
  /** Means over the scored queries, 0 to 1; NaN where none was. */
  readonly recall: ReadonlyMap<number, number>;
  readonly rPrecision: number;
  readonly mapAtR: number;
}

/**
 * One entry per class of the queries, lowest MAP@R first, classes with lone queries only last; equal ones by label.
 * `labels` are those of the queries. Throws `invalid_argument` where their number does not fit.
 */
export function resultsByClass(options: {
  readonly perQuery: QueryValues;
  readonly labels: readonly string[];
}): ClassResult[] {
  refuseUnknown(options, ['perQuery', 'labels'], 'resultsByClass');
  const { perQuery, labels } = options;
  if (perQuery.mapAtR.length !== labels.length) {
    throw invalid('labels', `${perQuery.mapAtR.length} labels, one per query`, labels.length);
  }
  const rowsOf = new Map<string, number[]>();
  labels.forEach((label, row) => {
    const rows = rowsOf.get(label);
    if (rows) rows.push(row);
    else rowsOf.set(label, [row]);
  });
  const results = [...rowsOf].map(([label, rows]): ClassResult => {
    const scored = rows.filter((row) => !Number.isNaN(perQuery.mapAtR[row]));
    const mean = (values: Float64Array) => scored.reduce((sum, row) => sum + values[row]!, 0) / scored.length;
    return {
      label,
      queries: scored.length,
      lone: rows.length - scored.length,
      recall: new Map([...perQuery.recall].map(([k, values]) => [k, mean(values)])),
      rPrecision: mean(perQuery.rPrecision),
      mapAtR: mean(perQuery.mapAtR),
    };
  });
  const rank = ({ mapAtR }: ClassResult) => (Number.isNaN(mapAtR) ? 2 : mapAtR);
  return results.sort((a, b) => rank(a) - rank(b) || (a.label < b.label ? -1 : 1));
}
