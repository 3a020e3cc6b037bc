// Reading by similarity: hits, and best hits per group. What is asked is question.ts; how it is found is the planner's.

import { AttractorError, invalid, refuseUnknown } from '../errors/error.ts';
import { plannedSearch } from '../index/planner.ts';
import type { ItemRow } from '../store/items.ts';
import { type CollectionContext, itemOf } from './context.ts';
import { OPTIONS, type Question, questionOf } from './question.ts';
import type { Explanation, GroupAnswer, Hit, HitGroup, QueryAnswer, QueryOptions } from './types.ts';
import { LIMITS } from './validate.ts';

export async function queryItems(context: CollectionContext, options: QueryOptions): Promise<QueryAnswer> {
  refuseUnknown(options, OPTIONS, 'query');
  const question = await questionOf(context, options);
  const search = new Search(context, question);
  const { slots, scores } = search.nearest(question.limit + 1);
  const hits: Hit[] = [];
  for (let i = 0; i < slots.length && hits.length < question.limit; i++) {
    if (scores[i]! < question.threshold) break;
    if (slots[i] !== question.self) hits.push(hitOf(context, options, rowAt(context, slots[i]!), scores[i]!));
  }
  return { hits, ...search.account(options.explain) };
}

/**
 * The `limit` groups with the best hits, each with its best `groupSize` hits (default 1). The search only decides which
 * groups; their members are then scored one by one, so a large group never crowds out another one's hits.
 */
export async function queryGroups(
  context: CollectionContext,
  options: QueryOptions & { groupSize?: number },
): Promise<GroupAnswer> {
  refuseUnknown(options, [...OPTIONS, 'groupSize'], 'query');
  const { groupSize = 1 } = options;
  if (!Number.isInteger(groupSize) || groupSize < 1 || groupSize > LIMITS.groupSize) {
    throw invalid('groupSize', `an integer from 1 to ${LIMITS.groupSize}`, groupSize);
  }
  const question = await questionOf(context, options);
  const search = new Search(context, question);
  const groups: (HitGroup & { slot: number })[] = [];
  for (const id of findGroups(context, question, search)) {
    const members = membersOf(context, question, id).slice(0, groupSize);
    const hits = members.map(({ slot, score }) => hitOf(context, options, rowAt(context, slot), score));
    groups.push({ id, hits, slot: members[0]!.slot });
  }
  groups.sort((a, b) => b.hits[0]!.score - a.hits[0]!.score || a.slot - b.slot);
  return { groups: groups.map(({ id, hits }) => ({ id, hits })), ...search.account(options.explain) };
}

/** The searches for one question, and the account of them. */
class Search {
  readonly #context: CollectionContext;
  readonly #question: Question;
  #plan: ReturnType<typeof plannedSearch>['plan'] | undefined;

  constructor(context: CollectionContext, question: Question) {
    this.#context = context;
    this.#question = question;
  }

  nearest(k: number) {
    const { index } = this.#context.maintained;
    const { vector, ef, exact, selection } = this.#question;
    const { hits, plan } = plannedSearch({ index, vector, k, ef, exact, selection });
    this.#plan = plan;
    return hits;
  }

  account(explain = false): Pick<QueryAnswer, 'timing' | 'explanation'> {
    const { size } = this.#context.maintained.index;
    const { started, embedded, filtered, selection } = this.#question;
    const timing = { embed: embedded - started, search: this.#context.clock() - embedded };
    if (!explain) return { timing };
    const { kind, reason, candidates } = this.#plan!;
    const filter = filtered - embedded;
    const explanation: Explanation = {
      plan: kind,
      reason,
      items: size,
      estimated: selection?.estimated ?? size,
      matches: selection?.matches ?? size,
      candidates,
      timing: { embed: timing.embed, filter, search: timing.search - filter },
    };
    return { timing, explanation };
  }
}

/** Asks for more and more hits until they belong to enough groups, or no more can come. */
function findGroups(context: CollectionContext, question: Question, search: Search): Set<string> {
  const { limit, selection } = question;
  const most = selection?.matches ?? context.maintained.index.size;
  const groups = new Set<string>();
  let seen = 0;
  for (let k = 4 * limit + 1; ; k *= 4) {
    const { slots, scores } = search.nearest(k);
    for (; seen < slots.length && groups.size < limit; seen++) {
      if (scores[seen]! < question.threshold) return groups;
      if (slots[seen] !== question.self) groups.add(rowAt(context, slots[seen]!).group);
    }
    if (groups.size === limit || k >= most) return groups;
  }
}

/** Best first; equal scores by slot, as everywhere. */
function membersOf(context: CollectionContext, question: Question, group: string) {
  const { flat } = context.maintained.index;
  const { vector, threshold, self, selection } = question;
  return context.store.items
    .slotsOfGroup(context.row.id, group)
    .filter((slot) => slot !== self && (!selection || selection.mask[flat.rowOf(slot)] === 1))
    .map((slot) => ({ slot, score: flat.score(slot, vector) }))
    .filter(({ score }) => score >= threshold)
    .sort((a, b) => b.score - a.score || a.slot - b.slot);
}

function rowAt(context: CollectionContext, slot: number): ItemRow {
  const row = context.store.items.bySlot(context.row.id, slot);
  if (!row) throw new AttractorError('internal', `slot ${slot} is in the index but not in the store`);
  return row;
}

function hitOf(context: CollectionContext, options: QueryOptions, row: ItemRow, score: number): Hit {
  return { id: row.id, score, item: itemOf(context, row, options.withVector) };
}
