// Reading by similarity: hits, and best hits per group. Where both a graph and a scan could answer, the scan does so
// while it is cheap, because it is exact.

import { AttractorError, invalid, refuseUnknown } from '../errors/error.ts';
import type { SearchHits } from '../index/vector-index.ts';
import type { ItemRow } from '../store/items.ts';
import { type CollectionContext, embed, itemOf, rowOf } from './context.ts';
import type { GroupAnswer, Hit, HitGroup, QueryAnswer, QueryOptions } from './types.ts';
import { imageHash, LIMITS, validVector } from './validate.ts';

/** Components of all vectors up to which a scan takes about half a millisecond: 4,096 vectors of 128. */
const SCAN_COMPONENTS = 2 ** 19;

const OPTIONS = ['by', 'limit', 'scoreThreshold', 'exact', 'ef', 'withVector', 'signal'];

interface Question {
  readonly vector: Float32Array;
  /** The slot of the item that is asked by: it is no answer. -1 for none. */
  readonly self: number;
}

export async function queryItems(context: CollectionContext, options: QueryOptions): Promise<QueryAnswer> {
  refuseUnknown(options, OPTIONS, 'query');
  const limit = checkOptions(options);
  const { question, started, embedded } = await ask(context, options);
  const { slots, scores } = search(context, options, question.vector, limit + 1);
  const hits: Hit[] = [];
  for (let i = 0; i < slots.length && hits.length < limit; i++) {
    if (scores[i]! < (options.scoreThreshold ?? -Infinity)) break;
    if (slots[i] !== question.self) hits.push(hitOf(context, options, rowAt(context, slots[i]!), scores[i]!));
  }
  return { hits, timing: { embed: embedded - started, search: context.clock() - embedded } };
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
  const limit = checkOptions(options);
  const size = integer(options.groupSize ?? 1, 'groupSize', LIMITS.groupSize);
  const { question, started, embedded } = await ask(context, options);
  const groups: (HitGroup & { slot: number })[] = [];
  for (const id of findGroups(context, options, question, limit)) {
    const members = membersOf(context, options, question, id).slice(0, size);
    const hits = members.map(({ slot, score }) => hitOf(context, options, rowAt(context, slot), score));
    groups.push({ id, hits, slot: members[0]!.slot });
  }
  groups.sort((a, b) => b.hits[0]!.score - a.hits[0]!.score || a.slot - b.slot);
  return {
    groups: groups.map(({ id, hits }) => ({ id, hits })),
    timing: { embed: embedded - started, search: context.clock() - embedded },
  };
}

/** Returns the limit. */
function checkOptions(options: QueryOptions): number {
  const { scoreThreshold, ef } = options;
  if (scoreThreshold !== undefined && !Number.isFinite(scoreThreshold)) {
    throw invalid('scoreThreshold', 'a finite number', scoreThreshold);
  }
  if (ef !== undefined) integer(ef, 'ef', LIMITS.ef);
  return integer(options.limit ?? 10, 'limit', LIMITS.queryLimit);
}

function integer(value: number, field: string, most: number): number {
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw invalid(field, `an integer from 1 to ${most}`, value);
  }
  return value;
}

async function ask(context: CollectionContext, options: QueryOptions) {
  const started = context.clock();
  const question = await questionOf(context, options);
  context.assertOpen();
  return { question, started, embedded: context.clock() };
}

async function questionOf(context: CollectionContext, options: QueryOptions): Promise<Question> {
  const { by, signal } = options;
  if (by === null || typeof by !== 'object' || Object.keys(by).length !== 1) {
    throw invalid('by', 'exactly one of image, id and vector', by);
  }
  refuseUnknown(by, ['image', 'id', 'vector'], 'by');
  if ('vector' in by) return { vector: validVector(by.vector, 'by.vector', context.row.dimension), self: -1 };
  if ('id' in by) {
    const { slot } = rowOf(context, by.id);
    return { vector: context.maintained.index.flat.vector(slot).slice(), self: slot };
  }
  // Read but never written: what visitors photograph is not kept.
  const cached = context.store.items.cachedVector(imageHash(by.image, 'by.image'), context.row.fingerprint);
  if (cached) return { vector: cached, self: -1 };
  const [result] = await embed(context, { images: [by.image], priority: 'online', signal });
  if ('error' in result!) throw result.error;
  return { vector: result!.vector, self: -1 };
}

function search(
  context: CollectionContext,
  options: QueryOptions,
  vector: Float32Array,
  k: number,
): SearchHits {
  const { index } = context.maintained;
  const { exact, ef } = options;
  // Whoever names a width asks for the walk.
  const scan = exact || (ef === undefined && index.size * index.dimension <= SCAN_COMPONENTS);
  return scan ? index.flat.search({ vector, k }) : index.search({ vector, k, ef });
}

/** Asks for more and more hits until they belong to enough groups, or no more can come. */
function findGroups(
  context: CollectionContext,
  options: QueryOptions,
  question: Question,
  limit: number,
): Set<string> {
  const { size } = context.maintained.index;
  const groups = new Set<string>();
  let seen = 0;
  for (let k = 4 * limit + 1; ; k *= 4) {
    const { slots, scores } = search(context, options, question.vector, k);
    for (; seen < slots.length && groups.size < limit; seen++) {
      if (scores[seen]! < (options.scoreThreshold ?? -Infinity)) return groups;
      if (slots[seen] !== question.self) groups.add(rowAt(context, slots[seen]!).group);
    }
    if (groups.size === limit || k >= size) return groups;
  }
}

/** Best first; equal scores by slot, as everywhere. */
function membersOf(context: CollectionContext, options: QueryOptions, question: Question, group: string) {
  const { flat } = context.maintained.index;
  return context.store.items
    .slotsOfGroup(context.row.id, group)
    .filter((slot) => slot !== question.self)
    .map((slot) => ({ slot, score: flat.score(slot, question.vector) }))
    .filter(({ score }) => score >= (options.scoreThreshold ?? -Infinity))
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
