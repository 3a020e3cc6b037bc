// The live audit: some of the queries that the graph answered are answered again by a scan, in the background, so that its
// recall is known and not assumed; and by walks of other widths, so that a better one can be proposed.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from '../errors/log.ts';
import type { HnswIndex } from '../index/hnsw.ts';
import { type Filtered, plannedSearch } from '../index/planner.ts';
import type { RecallReport } from './types.ts';

/** Widths that are tried, as parts of the index's own. */
const WIDTHS = [0.25, 0.5, 1, 2, 4];
const GOAL = 0.99;
/** Queries without which nothing is proposed. */
const FEWEST = 20;
/** Time that is left to others after so much of an audit: however many ask, it takes a fiftieth of a processor. */
const PAUSE = 50;
/** Hits beyond which a query is not audited: its scan would take too long. */
const MOST_HITS = 100;

/** Share of items that pass a filter. */
type FilterClass = 'none' | 'half or more' | 'a tenth to half' | 'less than a tenth';

export interface AuditedQuery {
  readonly vector: Float32Array;
  readonly k: number;
  readonly selection: Filtered | undefined;
  /** What was answered. */
  readonly slots: Uint32Array;
}

/** Hits found and hits there are, of the queries so far. */
class Tally {
  queries = 0;
  #found = 0;
  #wanted = 0;

  add(truth: ReadonlySet<number>, slots: Iterable<number>): void {
    this.queries++;
    this.#wanted += truth.size;
    for (const slot of slots) if (truth.has(slot)) this.#found++;
  }

  get recall(): number {
    return this.#wanted === 0 ? 1 : this.#found / this.#wanted;
  }
}

export class RecallAudit {
  readonly #index: HnswIndex;
  readonly #every: number;
  readonly #logger: Logger;
  readonly #clock: () => number;
  readonly #byFilter = new Map<FilterClass, Tally>();
  readonly #byWidth = new Map<number, Tally>();
  #offered = 0;
  /** When the next one may begin. */
  #next = Number.NEGATIVE_INFINITY;
  #work: Promise<void> | undefined;
  /** Counts changes: an answer is compared with the truth of the same items only. */
  #version = 0;

  /** Audits the first of every `every` queries; 0 audits none. */
  constructor(options: { index: HnswIndex; every: number; logger: Logger; clock: () => number }) {
    this.#index = options.index;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#every = options.every;
  }

  /** To be called when items come or go. */
  changed(): void {
    this.#version++;
  }

  /** To be called with every query that the graph answered. */
  offer(query: AuditedQuery): void {
    if (this.#every === 0 || query.k > MOST_HITS) return;
    if (this.#offered++ % this.#every !== 0 || this.#work || this.#clock() < this.#next) return;
    this.#work = this.#audit(query)
      .catch((err) => this.#logger.error({ err }, 'a query could not be audited'))
      .finally(() => {
        this.#work = undefined;
      });
  }

  report(): RecallReport {
    const widths = [...this.#byWidth]
      .map(([ef, tally]) => ({ ef, queries: tally.queries, recall: tally.recall }))
      .sort((a, b) => a.ef - b.ef);
    return {
      byFilter: [...this.#byFilter].map(([filter, { queries, recall }]) => ({ filter, queries, recall })),
      byWidth: widths,
      proposedEf: widths.find(({ queries, recall }) => queries >= FEWEST && recall >= GOAL)?.ef,
    };
  }

  async #audit({ vector, k, selection, slots }: AuditedQuery): Promise<void> {
    const index = this.#index;
    const version = this.#version + index.flat.squeezes;
    // The caller is answered first, and others between the steps.
    await nextTurn();
    if (this.#version + index.flat.squeezes !== version) return;
    const truth = new Set(this.#timed(() => index.flat.search({ vector, k, selection }).slots));
    this.#tally(this.#byFilter, classOf(selection)).add(truth, slots);
    for (const part of WIDTHS) {
      const ef = Math.max(k, Math.round(part * index.ef));
      await nextTurn();
      if (this.#version + index.flat.squeezes !== version) return;
      const { hits } = this.#timed(() => plannedSearch({ index, vector, k, ef, selection }));
      this.#tally(this.#byWidth, ef).add(truth, hits.slots);
    }
  }

  #timed<T>(step: () => T): T {
    const from = this.#clock();
    const done = step();
    const now = this.#clock();
    this.#next = Math.max(this.#next, now) + PAUSE * (now - from);
    return done;
  }

  #tally<K>(tallies: Map<K, Tally>, key: K): Tally {
    const tally = tallies.get(key) ?? new Tally();
    tallies.set(key, tally);
    return tally;
  }
}

function classOf(selection: Filtered | undefined): FilterClass {
  if (!selection) return 'none';
  const { share } = selection;
  if (share >= 0.5) return 'half or more';
  return share >= 0.1 ? 'a tenth to half' : 'less than a tenth';
}
