// Reading by similarity: the nearest hits. What is asked is question.ts; how it is found is the planner's.

import { invalid, refuseUnknown } from '../errors/error.ts';
import type { SearchHits } from '../index/vector-index.ts';
import type { CollectionContext } from './context.ts';
import { diversified } from './diversity.ts';
import { observe } from './observer.ts';
import { askedBy, integer, OPTIONS, questionOf } from './question.ts';
import { hitsOf, Search } from './search.ts';
import type { QueryAnswer, QueryOptions } from './types.ts';
import { LIMITS } from './validate.ts';
import { whyOf } from './why.ts';

const KNOWN = [...OPTIONS, 'offset', 'mmr', 'why'];
const MMR_CANDIDATES = 100;

export async function queryItems(context: CollectionContext, options: QueryOptions): Promise<QueryAnswer> {
  refuseUnknown(options, KNOWN, 'query');
  const { offset = 0, mmr, why: id } = options;
  if (mmr) checkMmr(mmr);
  const question = questionOf(context, await askedBy(context, options));
  const { limit, threshold, selves } = question.asked;
  integer(offset, 'offset', 0, LIMITS.depth - limit);
  const { flat } = context.maintained.index;
  const search = new Search(context, question);
  // With variety all pages within the candidates choose among the same ones.
  const wanted = Math.max(offset + limit, mmr ? (mmr.candidates ?? MMR_CANDIDATES) : 0);
  const found = without(search.nearest(wanted + selves.size), selves, threshold);
  const answers = mmr
    ? diversified({ hits: found, limit: offset + limit, diversity: mmr.diversity, flat })
    : found;
  const answer = page(answers, offset, limit);
  const read = observe(context, { operation: 'query', stage: 'search', from: question.filtered });
  const hits = hitsOf(context, options, answer);
  observe(context, { operation: 'query', stage: 'read', from: read });
  const account = search.account(options.explain);
  if (id === undefined) return { hits, ...account };
  const why = await whyOf({ context, question, asked: options, id, answer, considered: wanted });
  return { hits, ...account, why };
}

function page({ slots, scores }: SearchHits, offset: number, limit: number): SearchHits {
  if (offset === 0 && slots.length <= limit) return { slots, scores };
  const end = offset + limit;
  return { slots: slots.subarray(offset, end), scores: scores.subarray(offset, end) };
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
  if (threshold === -Infinity && selves.size === 0) return { slots, scores };
  const at = [...slots.keys()].filter((i) => scores[i]! >= threshold && !selves.has(slots[i]!));
  return {
    slots: Uint32Array.from(at, (i) => slots[i]!),
    scores: Float32Array.from(at, (i) => scores[i]!),
  };
}
