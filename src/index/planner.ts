// Chooses how a query is answered: by the graph, or by an exact scan of all rows or of those that a filter keeps. Says
// what it chose and why. A filter is here what it says of rows; what it means is src/filter's.

import type { Selected } from './flat.ts';
import { type HnswIndex, SCAN_COMPONENTS } from './hnsw.ts';
import type { SearchHits } from './vector-index.ts';

/** A filter that has nothing to do with nearness keeps its share of any hits; so much more, and so many, for luck. */
const SPARE = 1.3;
const SPARE_HITS = 10;
/** Width of a walk per hit that it is to bring. */
const EF_PER_HIT = 1.5;
/** Rows that a scan scores in the time that a walk takes per unit of its width. */
const ROWS_PER_EF = 100;

/** Rows that a filter keeps: all of them are known only once they are asked for, which takes time. */
export interface Filtered extends Selected {
  /** About which part of the live rows. */
  readonly share: number;
  passes(row: number): boolean;
}

export interface PlannedSearch {
  readonly index: HnswIndex;
  readonly vector: Float32Array;
  /** 1 or more. */
  readonly k: number;
  /** Width of the graph's search, at least. Naming it asks for the graph also where a scan would be as cheap. */
  readonly ef?: number;
  /** Asks for the scan, before `ef`. */
  readonly exact?: boolean;
  /** Of the rows of `index.flat`; default all. */
  readonly selection?: Filtered;
}

export interface Plan {
  /** `graph, then scan`: too few of the graph's hits passed the filter. */
  readonly kind: 'none' | 'scan' | 'graph' | 'graph, then scan';
  readonly reason: string;
  /** Rows that a scan scored exactly, and hits that the graph brought. */
  readonly candidates: number;
}

export interface Planned {
  /** The best `k`, or all there are; exact after a scan, up to the graph's recall without one. */
  readonly hits: SearchHits;
  readonly plan: Plan;
}

export function plannedSearch(search: PlannedSearch): Planned {
  const { index, vector, k, ef, exact, selection } = search;
  if (selection) return filteredSearch(search, selection);
  if (exact) return scanned(search, 'exact was asked for');
  if (ef === undefined && index.size < index.from) return scanned(search, 'the collection is small');
  if (index.inGraph === 0) return scanned(search, 'there is no graph yet');
  const hits = index.search({ vector, k, ef });
  const reason = ef === undefined ? 'the collection is large' : 'a width was asked for';
  return { hits, plan: { kind: 'graph', reason, candidates: hits.slots.length } };
}

/** `found`: hits that the graph brought in vain. */
function scanned({ index, vector, k, selection }: PlannedSearch, reason: string, found?: number): Planned {
  const matches = selection?.matches ?? index.size;
  if (selection && matches === 0) {
    const hits = { slots: new Uint32Array(0), scores: new Float32Array(0) };
    return { hits, plan: { kind: 'none', reason: 'nothing passes the filter', candidates: 0 } };
  }
  const kind = found === undefined ? 'scan' : 'graph, then scan';
  const plan = { kind, reason, candidates: (found ?? 0) + matches } as const;
  return { hits: index.flat.search({ vector, k, selection }), plan };
}

/**
 * Where enough of the graph's nearest pass, the best of those are the answer: whatever the filter has to do with nearness.
 * Where not, the rows that pass are scanned. The graph is never walked under a filter, which loses recall in silence as
 * soon as the filter keeps other neighbourhoods than the query's.
 */
function filteredSearch(search: PlannedSearch, selection: Filtered): Planned {
  const { index, vector, k, ef, exact } = search;
  if (exact) return scanned(search, 'exact was asked for');
  const about = selection.share * index.size;
  if (ef === undefined && about * index.dimension <= SCAN_COMPONENTS)
    return scanned(search, 'few items pass the filter');
  if (about <= k) return scanned(search, 'all items that pass are wanted');
  if (index.inGraph === 0) return scanned(search, 'there is no graph yet');
  const wanted = Math.ceil((SPARE * k) / selection.share) + SPARE_HITS;
  const width = Math.max(ef ?? index.ef, Math.ceil(EF_PER_HIT * wanted));
  if (width * ROWS_PER_EF >= about && ef === undefined) {
    return scanned(search, 'a scan of the items that pass costs less than the graph');
  }
  const near = index.search({ vector, k: wanted, ef: width });
  const at: number[] = [];
  for (let i = 0; i < near.slots.length && at.length < k; i++) {
    if (selection.passes(index.flat.rowOf(near.slots[i]!))) at.push(i);
  }
  if (at.length < k)
    return scanned(search, `only ${at.length} of the nearest ${wanted} pass`, near.slots.length);
  const hits = {
    slots: Uint32Array.from(at, (i) => near.slots[i]!),
    scores: Float32Array.from(at, (i) => near.scores[i]!),
  };
  const reason = `${k} of the nearest ${at.at(-1)! + 1} pass`;
  return { hits, plan: { kind: 'graph', reason, candidates: near.slots.length } };
}
