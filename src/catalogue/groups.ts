// The best hits per group: per product, or per value of an attribute or a tag.

import { invalid, refuseUnknown } from '../errors/error.ts';
import type { Value } from '../filter/filter.ts';
import { Bits } from '../math/bits.ts';
import type { CollectionContext } from './context.ts';
import { observe } from './observer.ts';
import { askedBy, integer, OPTIONS, type Question, questionOf } from './question.ts';
import { hitsOf, Search } from './search.ts';
import { nearestToAny, scoreOf, type Target } from './target.ts';
import type { GroupAnswer, GroupQueryOptions, HitGroup } from './types.ts';
import { LIMITS } from './validate.ts';

type GroupId = HitGroup['id'];

/** Members that are scored one by one; more are scanned by their int8 copies first. */
const MANY = 1000;

/**
 * The `limit` groups with the best hits, each with its best `groupSize` hits (default 1). The search only decides which
 * groups; their members are then scored one by one, so a large group never crowds out another one's hits.
 */
export async function queryGroups(
  context: CollectionContext,
  options: GroupQueryOptions,
): Promise<GroupAnswer> {
  refuseUnknown(options, [...OPTIONS, 'groupSize', 'groupBy'], 'query');
  const { groupBy = 'group' } = options;
  if (typeof groupBy !== 'string' || groupBy === '') {
    throw invalid('groupBy', 'the name of an attribute, "tags" or "group"', groupBy);
  }
  const size = integer(options.groupSize ?? 1, 'groupSize', 1, LIMITS.groupSize);
  const question = questionOf(context, await askedBy(context, options));
  const search = new Search(context, question);
  const groups: (HitGroup & { slot: number })[] = [];
  const found = findGroups(context, question, search, groupBy);
  const read = observe(context, { operation: 'query', stage: 'search', from: question.filtered });
  for (const [id, members] of membersOf(context, question, groupBy, found)) {
    const best = bestOf(context, question, members, size);
    const found = { slots: best.map(({ slot }) => slot), scores: best.map(({ score }) => score) };
    const hits = hitsOf(context, options, found);
    groups.push({ id, hits, slot: best[0]!.slot });
  }
  groups.sort((a, b) => b.hits[0]!.score - a.hits[0]!.score || a.slot - b.slot);
  observe(context, { operation: 'query', stage: 'read', from: read });
  const account = search.account(options.explain, { as: 'groups', key: groupBy });
  return { groups: groups.map(({ id, hits }) => ({ id, hits })), ...account };
}

/** Asks for more and more hits until they belong to enough groups, or no more can come. */
function findGroups(
  context: CollectionContext,
  question: Question,
  search: Search,
  groupBy: string,
): Set<GroupId> {
  const { asked, selection } = question;
  const { limit, selves, threshold } = asked;
  const most = selection?.matches ?? context.maintained.index.size;
  const { items } = context.maintained;
  // Of a few values all are soon found; without their number the search would go on to the last item.
  const values = groupBy === 'group' ? limit : items.counts(groupBy, selection?.mask ?? items.live).size;
  const enough = Math.min(limit, values);
  const groups = new Set<GroupId>();
  let seen = 0;
  for (let k = 4 * limit + selves.size; ; k *= 4) {
    const { slots, scores } = search.nearest(k);
    for (; seen < slots.length && groups.size < limit; seen++) {
      if (scores[seen]! < threshold) return groups;
      if (selves.has(slots[seen]!)) continue;
      for (const id of groupsOf(context, groupBy, slots[seen]!)) if (groups.size < limit) groups.add(id);
    }
    if (groups.size >= enough || k >= most) return groups;
  }
}

function groupsOf(context: CollectionContext, groupBy: string, slot: number): Iterable<GroupId> {
  if (groupBy === 'group') return [context.maintained.items.cache.at([slot])[0]!.group];
  const value = context.maintained.items.value(groupBy, slot);
  return value === undefined ? [] : namedBy(value);
}

/** A number with a fraction and a truth value name no group, as in Qdrant; an item of several tags is in as many. */
function namedBy(value: Value): Iterable<GroupId> {
  if (typeof value === 'object') return new Set(value);
  return typeof value === 'string' || (typeof value === 'number' && Number.isInteger(value)) ? [value] : [];
}

/** The members of each group that may be answers, by slot. */
function membersOf(
  context: CollectionContext,
  { asked, selection }: Question,
  groupBy: string,
  ids: ReadonlySet<GroupId>,
): Map<GroupId, number[]> {
  const { items, index } = context.maintained;
  const mask = selection?.mask ?? items.live;
  if (groupBy === 'group') {
    const slotsOf = (id: GroupId) => context.store.items.slotsOf(context.row.id, 'group', [id as string]);
    const passes = (slot: number) => !asked.selves.has(slot) && mask.has(index.flat.rowOf(slot));
    return new Map([...ids].map((id) => [id, slotsOf(id).filter(passes)]));
  }
  const members = new Map<GroupId, number[]>([...ids].map((id) => [id, []]));
  for (const [slot, value] of items.values(groupBy, mask)) {
    if (asked.selves.has(slot)) continue;
    for (const id of namedBy(value)) members.get(id)?.push(slot);
  }
  return members;
}

/** Best first; equal scores by slot, as everywhere. */
function bestOf(context: CollectionContext, question: Question, members: readonly number[], size: number) {
  const { flat } = context.maintained.index;
  const { target, threshold } = question.asked;
  const scored =
    members.length <= MANY
      ? members.map((slot) => ({ slot, score: scoreOf(target, flat, slot) }))
      : scanned(context, target, members, size);
  return scored
    .filter(({ score }) => score > -Infinity && score >= threshold)
    .sort((a, b) => b.score - a.score || a.slot - b.slot)
    .slice(0, size);
}

function scanned(context: CollectionContext, target: Target, members: readonly number[], size: number) {
  const { flat } = context.maintained.index;
  const mask = Bits.of(
    members.map((slot) => flat.rowOf(slot)),
    32 * flat.live.words.length,
  );
  const matches = members.length;
  const plan = { kind: 'scan', reason: 'members of a group', candidates: matches } as const;
  const search = (vector: Float32Array, k: number) => ({
    hits: flat.search({ vector, k, selection: { mask, matches } }),
    plan,
  });
  const { hits } =
    target.kind === 'nearest'
      ? search(target.vector, size)
      : nearestToAny({ target, k: size, flat, most: matches, search });
  return [...hits.slots].map((slot, i) => ({ slot, score: hits.scores[i]! }));
}
