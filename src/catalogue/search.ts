// The searches for one question, the account of them, and slots as hits. What is asked is question.ts; how it is found is
// the planner's.

import { AttractorError } from '../errors/error.ts';
import { type Plan, type Planned, plannedSearch } from '../index/planner.ts';
import type { SearchHits } from '../index/vector-index.ts';
import { type CollectionContext, shown } from './context.ts';
import type { Question } from './question.ts';
import { type KeyUse, warningsOf } from './selection.ts';
import { nearestToAny } from './target.ts';
import type { Explanation, Hit, QueryAnswer, QueryOptions } from './types.ts';

/** The searches for one question, and the account of them. */
export class Search {
  readonly #context: CollectionContext;
  readonly #question: Question;
  #plan: Plan | undefined;

  constructor(context: CollectionContext, question: Question) {
    this.#context = context;
    this.#question = question;
  }

  nearest(k: number): SearchHits {
    const { index } = this.#context.maintained;
    const { asked, selection } = this.#question;
    const { target } = asked;
    const { hits, plan } =
      target.kind === 'nearest'
        ? this.#planned(target.vector, k)
        : nearestToAny({
            target,
            k,
            flat: index.flat,
            most: selection?.matches ?? index.size,
            search: (vector, k) => this.#planned(vector, k),
          });
    this.#plan = plan;
    return hits;
  }

  #planned(vector: Float32Array, k: number): Planned {
    const { audit, maintained } = this.#context;
    const { asked, selection } = this.#question;
    const { ef, exact } = asked;
    const planned = plannedSearch({ index: maintained.index, vector, k, ef, exact, selection });
    if (planned.plan.kind === 'graph') audit.offer({ vector, k, selection, slots: planned.hits.slots });
    return planned;
  }

  account(explain = false, use?: KeyUse): Pick<QueryAnswer, 'timing' | 'warnings' | 'explanation'> {
    const { size } = this.#context.maintained.index;
    const { asked, filtered, selection } = this.#question;
    const { started, embedded } = asked;
    const timing = { embed: embedded - started, search: this.#context.clock() - embedded };
    this.#context.observer?.plan?.(this.#plan!.kind);
    const warnings = warningsOf(this.#context, selection, use);
    const account = { timing, ...(warnings.length > 0 && { warnings }) };
    if (!explain) return account;
    const { kind, reason, candidates } = this.#plan!;
    const filter = filtered - embedded;
    const explanation: Explanation = {
      plan: kind,
      reason,
      items: size,
      estimated: Math.round((selection?.share ?? 1) * size),
      matches: selection?.matches ?? size,
      candidates,
      timing: { embed: timing.embed, filter, search: timing.search - filter },
    };
    return { ...account, explanation };
  }
}

/** The hits of slots and their scores, in this order. */
export function hitsOf(
  context: CollectionContext,
  { withVector }: Pick<QueryOptions, 'withVector'>,
  { slots, scores }: { readonly slots: ArrayLike<number>; readonly scores: ArrayLike<number> },
): Hit[] {
  const hits: Hit[] = [];
  for (const item of context.maintained.items.cache.at(slots)) {
    const [slot, score] = [slots[hits.length]!, scores[hits.length]!];
    if (!item) throw new AttractorError('internal', `slot ${slot} is in the index but not in the store`);
    hits.push({ id: item.id, score: cosine(score), item: shown(context, item, slot, withVector) });
  }
  return hits;
}

/** A score as it is shown: rounding may have left it a little above 1. */
export const cosine = (score: number): number => Math.min(1, Math.max(-1, score));
