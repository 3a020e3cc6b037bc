// Reading by similarity: hits, and best hits per group. What is asked is question.ts; how it is found is the planner's.

import { AttractorError, invalid, refuseUnknown } from '../errors/error.ts';
import { type Plan, plannedSearch } from '../index/planner.ts';
import type { SearchHits } from '../index/vector-index.ts';
import { type CollectionContext, itemOf } from './context.ts';
import { diversified } from './diversity.ts';
import type { KnownItem } from './item-cache.ts';
import { observe } from './observer.ts';
import { integer, OPTIONS, type Question, questionOf } from './question.ts';
import { nearestTo, scoreOf } from './target.ts';
import type {
  Explanation,
  GroupAnswer,
  GroupQueryOptions,
  Hit,
  HitGroup,
  QueryAnswer,
  QueryOptions,
} from './types.ts';
import { LIMITS } from './validate.ts';

const MMR_CANDIDATES = 100;

export async function queryItems(context: CollectionContext, options: QueryOptions): Promise<QueryAnswer> {
  refuseUnknown(options, [...OPTIONS, 'offset', 'mmr'], 'query');
  const { offset = 0, mmr } = options;
  if (mmr) checkMmr(mmr);
  const question = await questionOf(context, options);
  const { limit, threshold, selves } = question;
  integer(offset, 'offset', 0, LIMITS.depth - limit);
  const { flat } = context.maintained.index;
  const exact = options.offset === undefined ? question.exact : true;
  const search = new Search(context, { ...question, exact });
  // With variety all pages within the candidates choose among the same ones.
  const wanted = Math.max(offset + limit, mmr ? (mmr.candidates ?? MMR_CANDIDATES) : 0);
  const found = without(search.nearest(wanted + selves.size), selves, threshold);
  const answers = mmr
    ? diversified({ hits: found, limit: offset + limit, diversity: mmr.diversity, flat })
    : found;
  const [slots, scores] = [answers.slots, answers.scores].map((all) => all.subarray(offset, offset + limit));
  const read = observe(context, { operation: 'query', stage: 'search', from: question.filtered });
  const hits = rowsAt(context, slots!).map((row, i) => hitOf(context, options, row, scores![i]!));
  observe(context, { operation: 'query', stage: 'read', from: read });
  return { hits, ...search.account(options.explain) };
}

/**
 * The `limit` groups with the best hits, each with its best `groupSize` hits (default 1). The search only decides which
 * groups; their members are then scored one by one, so a large group never crowds out another one's hits.
 */
export async function queryGroups(
  context: CollectionContext,
  options: GroupQueryOptions,
): Promise<GroupAnswer> {
  refuseUnknown(options, [...OPTIONS, 'groupSize'], 'query');
  const size = integer(options.groupSize ?? 1, 'groupSize', 1, LIMITS.groupSize);
  const question = await questionOf(context, options);
  const search = new Search(context, question);
  const groups: (HitGroup & { slot: number })[] = [];
  const found = findGroups(context, question, search);
  const read = observe(context, { operation: 'query', stage: 'search', from: question.filtered });
  for (const id of found) {
    const members = membersOf(context, question, id).slice(0, size);
    const rows = rowsAt(
      context,
      members.map(({ slot }) => slot),
    );
    const hits = members.map(({ score }, i) => hitOf(context, options, rows[i]!, score));
    groups.push({ id, hits, slot: members[0]!.slot });
  }
  groups.sort((a, b) => b.hits[0]!.score - a.hits[0]!.score || a.slot - b.slot);
  observe(context, { operation: 'query', stage: 'read', from: read });
  return { groups: groups.map(({ id, hits }) => ({ id, hits })), ...search.account(options.explain) };
}

/** The searches for one question, and the account of them. */
class Search {
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
      most: selection?.matches ?? index.size,
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

  account(explain = false): Pick<QueryAnswer, 'timing' | 'explanation'> {
    const { size } = this.#context.maintained.index;
    const { started, embedded, filtered, selection } = this.#question;
    const timing = { embed: embedded - started, search: this.#context.clock() - embedded };
    this.#context.observer?.plan?.(this.#plan!.kind);
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

function checkMmr(mmr: NonNullable<QueryOptions['mmr']>): void {
  if (typeof mmr !== 'object') throw invalid('mmr', 'an object', mmr);
  refuseUnknown(mmr, ['diversity', 'candidates'], 'mmr');
  const { diversity, candidates } = mmr;
  if (!(diversity >= 0 && diversity <= 1)) throw invalid('mmr.diversity', 'a number from 0 to 1', diversity);
  if (candidates !== undefined) integer(candidates, 'mmr.candidates', 1, LIMITS.queryLimit);
}

/** The hits that are answers. */
function without({ slots, scores }: SearchHits, selves: ReadonlySet<number>, threshold: number): SearchHits {
  const at = [...slots.keys()].filter((i) => scores[i]! >= threshold && !selves.has(slots[i]!));
  return {
    slots: Uint32Array.from(at, (i) => slots[i]!),
    scores: Float32Array.from(at, (i) => scores[i]!),
  };
}

/** Asks for more and more hits until they belong to enough groups, or no more can come. */
function findGroups(context: CollectionContext, question: Question, search: Search): Set<string> {
  const { limit, selection, selves, threshold } = question;
  const most = selection?.matches ?? context.maintained.index.size;
  const groups = new Set<string>();
  let seen = 0;
  for (let k = 4 * limit + selves.size; ; k *= 4) {
    const { slots, scores } = search.nearest(k);
    for (; seen < slots.length && groups.size < limit; seen++) {
      if (scores[seen]! < threshold) return groups;
      if (!selves.has(slots[seen]!)) groups.add(rowsAt(context, [slots[seen]!])[0]!.group);
    }
    if (groups.size === limit || k >= most) return groups;
  }
}

/** Best first; equal scores by slot, as everywhere. */
function membersOf(context: CollectionContext, question: Question, group: string) {
  const { flat } = context.maintained.index;
  const { target, threshold, selves, selection } = question;
  return context.store.items
    .slotsOfGroup(context.row.id, group)
    .filter((slot) => !selves.has(slot) && (!selection || selection.mask[flat.rowOf(slot)] === 1))
    .map((slot) => ({ slot, score: scoreOf(target, flat, slot) }))
    .filter(({ score }) => score > -Infinity && score >= threshold)
    .sort((a, b) => b.score - a.score || a.slot - b.slot);
}

/** In this order. */
function rowsAt(context: CollectionContext, slots: ArrayLike<number>): KnownItem[] {
  return context.maintained.items.cache.at(Array.from(slots)).map((item, i) => {
    if (item) return item;
    throw new AttractorError('internal', `slot ${slots[i]} is in the index but not in the store`);
  });
}

function hitOf(context: CollectionContext, options: QueryOptions, known: KnownItem, score: number): Hit {
  return { id: known.id, score, item: itemOf(context, known, options.withVector) };
}
