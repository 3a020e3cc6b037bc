// The searches for one question, the account of them, and slots as hits. What is asked is question.ts; how it is found is
// the planner's.

import { AttractorError } from '../errors/error.ts';
import { type Plan, plannedSearch } from '../index/planner.ts';
import type { SearchHits } from '../index/vector-index.ts';
import { type CollectionContext, shown } from './context.ts';
import type { Question } from './question.ts';
import { warningsOf } from './selection.ts';
import { nearestTo } from './target.ts';
import type { Explanation, Hit, Item, QueryAnswer, QueryOptions } from './types.ts';

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
    const { target, ef, exact, selection } = this.#question;
    const { hits, plan } = nearestTo({
      target,
      k,
      flat: index.flat,
      most: () => selection?.matches ?? index.size,
      search: (vector, k) => {
        const planned = plannedSearch({ index, vector, k, ef, exact, selection });
        const { slots } = planned.hits;
        if (planned.plan.kind === 'graph') this.#context.audit.offer({ vector, k, selection, slots });
        return planned;
      },
    });
    this.#plan = plan;
    return hits;
  }

  account(explain = false): Pick<QueryAnswer, 'timing' | 'warnings' | 'explanation'> {
    const { size } = this.#context.maintained.index;
    const { started, embedded, filtered, selection } = this.#question;
    const timing = { embed: embedded - started, search: this.#context.clock() - embedded };
    this.#context.observer?.plan?.(this.#plan!.kind);
    const warnings = warningsOf(this.#context, selection);
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

/** In this order. */
export function itemsAt(context: CollectionContext, slots: readonly number[]): Item[] {
  return context.maintained.items.cache.at(slots).map((item, i) => {
    if (item) return item;
    throw new AttractorError('internal', `slot ${slots[i]} is in the index but not in the store`);
  });
}

/** The hits of slots and their scores. */
export function hitsOf(
  context: CollectionContext,
  { withVector }: Pick<QueryOptions, 'withVector'>,
  slots: readonly number[],
  scores: ArrayLike<number>,
): Hit[] {
  return itemsAt(context, slots).map((item, i) => ({
    id: item.id,
    score: scores[i]!,
    item: shown(context, item, slots[i]!, withVector),
  }));
}
