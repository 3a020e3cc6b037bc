// What a catalogue tells of its work while it works, for metrics and traces. Called in the turn of the work, with
// numbers that are there anyway: an observer must be quick and must not throw.

import type { Plan } from '../index/planner.ts';

export type Operation = 'query' | 'upsert';
/** embed: waiting for a process, decoding, the model. read: rows of the hits. write: the transaction and the index. */
export type StageName = 'embed' | 'filter' | 'search' | 'read' | 'write';

export interface Stage {
  readonly operation: Operation;
  readonly stage: StageName;
  /** Milliseconds of the catalogue's clock. */
  readonly from: number;
  readonly to: number;
}

export interface CatalogueObserver {
  /** A step ended, well or not. A step that was not needed is not told. */
  stage?(stage: Stage): void;
  /** A query was answered in this way. */
  plan?(kind: Plan['kind']): void;
  /** Images that had a vector in the cache, and that had none. */
  cache?(found: { hits: number; misses: number }): void;
}

interface Observed {
  readonly observer?: CatalogueObserver;
  readonly clock: () => number;
}

/** Tells of the step from `from` until now; the end of it, where the next one begins. */
export function observe(
  { observer, clock }: Observed,
  step: Omit<Stage, 'to'> & { readonly to?: number },
): number {
  const to = step.to ?? clock();
  const { operation, stage, from } = step;
  observer?.stage?.({ operation, stage, from, to });
  return to;
}

/** Does the step, and tells of it however it ends. */
export async function observed<T>(
  context: Observed,
  step: Pick<Stage, 'operation' | 'stage'>,
  work: () => Promise<T>,
): Promise<T> {
  const from = context.clock();
  try {
    return await work();
  } finally {
    observe(context, { ...step, from });
  }
}

/** Tells all of them, in order. */
export function observers(all: readonly CatalogueObserver[]): CatalogueObserver {
  return {
    stage(stage) {
      for (const one of all) one.stage?.(stage);
    },
    plan(kind) {
      for (const one of all) one.plan?.(kind);
    },
    cache(found) {
      for (const one of all) one.cache?.(found);
    },
  };
}
