// The best hits per group: per product, or per value of an attribute or a tag.

import { invalid, refuseUnknown } from '../errors/error.ts';
import type { Selection } from '../filter/columns.ts';
import type { CollectionContext } from './context.ts';
import { observe } from './observer.ts';
import { integer, OPTIONS, type Question, questionOf } from './question.ts';
import { hitOf, rowsAt, Search } from './search.ts';
import { selectionOf } from './selection.ts';
import { nearestTo, scoreOf } from './target.ts';
import type { GroupAnswer, GroupQueryOptions, HitGroup } from './types.ts';
import { LIMITS } from './validate.ts';

type GroupId = HitGroup['id'];

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
  const question = await questionOf(context, options);
  const search = new Search(context, question);
  const groups: (HitGroup & { slot: number })[] = [];
  const found = findGroups(context, question, search, groupBy);
  const read = observe(context, { operation: 'query', stage: 'search', from: question.filtered });
  for (const id of found) {
    const members = (groupBy === 'group' ? membersOf : havingValue)(context, question, { groupBy, id, size });
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

/** Asks for more and more hits until they belong to enough groups, or no more can come. */
function findGroups(
  context: CollectionContext,
  question: Question,
  search: Search,
  groupBy: string,
): Set<GroupId> {
  const { limit, selection, selves, threshold } = question;
  const most = selection?.matches ?? context.maintained.index.size;
  const groups = new Set<GroupId>();
  let seen = 0;
  for (let k = 4 * limit + selves.size; ; k *= 4) {
    const { slots, scores } = search.nearest(k);
    for (; seen < slots.length && groups.size < limit; seen++) {
      if (scores[seen]! < threshold) return groups;
      if (selves.has(slots[seen]!)) continue;
      for (const id of groupsOf(context, groupBy, slots[seen]!)) if (groups.size < limit) groups.add(id);
    }
    if (groups.size === limit || k >= most) return groups;
  }
}

/** A number with a fraction and a truth value name no group, as in Qdrant; an item of several tags is in as many. */
function groupsOf(context: CollectionContext, groupBy: string, slot: number): GroupId[] {
  if (groupBy === 'group') return [rowsAt(context, [slot])[0]!.group];
  const value = context.maintained.items.value(groupBy, slot);
  if (typeof value === 'object') return [...value];
  return typeof value === 'string' || (typeof value === 'number' && Number.isInteger(value)) ? [value] : [];
}

interface Wanted {
  readonly groupBy: string;
  readonly id: GroupId;
  readonly size: number;
}

/** Best first; equal scores by slot, as everywhere. */
function membersOf(context: CollectionContext, question: Question, { id, size }: Wanted) {
  const { flat } = context.maintained.index;
  const { target, threshold, selves, selection } = question;
  return context.store.items
    .slotsOfGroup(context.row.id, id as string)
    .filter((slot) => !selves.has(slot) && (!selection || selection.mask[flat.rowOf(slot)] === 1))
    .map((slot) => ({ slot, score: scoreOf(target, flat, slot) }))
    .filter(({ score }) => score > -Infinity && score >= threshold)
    .sort((a, b) => b.score - a.score || a.slot - b.slot)
    .slice(0, size);
}

/** The same for a value that a large part of the items may have: the best of them by an exact scan. */
function havingValue(context: CollectionContext, question: Question, { groupBy, id, size }: Wanted) {
  const { flat } = context.maintained.index;
  const { target, threshold, selves } = question;
  const selection = both(
    selectionOf(context, {
      filter: { kind: 'test', key: groupBy, test: { op: 'in', values: new Set([id]) } },
      text: JSON.stringify({ must: { key: groupBy, match: { value: id } } }),
    })!,
    question.selection,
  );
  const plan = { kind: 'scan', reason: 'members of a group', candidates: selection.matches } as const;
  const { hits } = nearestTo({
    target,
    k: size + selves.size,
    flat,
    most: selection.matches,
    search: (vector, k) => ({ hits: flat.search({ vector, k, selection }), plan }),
  });
  return [...hits.slots]
    .map((slot, i) => ({ slot, score: hits.scores[i]! }))
    .filter(({ slot, score }) => !selves.has(slot) && score >= threshold)
    .slice(0, size);
}

function both(one: Selection, other: Selection | undefined): Pick<Selection, 'mask' | 'matches'> {
  if (!other) return one;
  const mask = one.mask.map((bit, row) => bit & other.mask[row]!);
  return { mask, matches: mask.reduce((sum, bit) => sum + bit, 0) };
}
