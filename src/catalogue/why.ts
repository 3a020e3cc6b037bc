// Why an item is where it is in an answer, or why it is not in it: its exact rank and score, and what removed it.

import { type FilteredItem, firstFailure } from '../filter/failure.ts';
import type { SearchHits } from '../index/vector-index.ts';
import type { ItemRow } from '../store/items.ts';
import { type CollectionContext, rowOf } from './context.ts';
import type { Question } from './question.ts';
import { cosine } from './search.ts';
import { selectionOf } from './selection.ts';
import { scoreOf } from './target.ts';
import { takeTurns } from './turns.ts';
import type { QueryOptions } from './types.ts';

export interface Why {
  readonly id: string;
  /** Cosine; null where the item is nearer to a negative example than to any positive one. */
  readonly score: number | null;
  /** Its exact place, from 1, among the items that pass the filter (with it among them in any case); null without a score. */
  readonly rank: number | null;
  /**
   * Null where it is in the answer. `query`: it was asked by. `graph`: it belongs there, but the walk of the graph did not
   * come by; `exact` would find it. `mmr`: others made more variety.
   */
  readonly removedBy:
    | 'query'
    | 'filter'
    | 'negative_example'
    | 'score_threshold'
    | 'offset'
    | 'limit'
    | 'mmr'
    | 'graph'
    | null;
  /** With `filter`: the first condition that the item fails, as Qdrant would write it. */
  readonly condition?: object;
}

/** To be asked in the turn of the answer; only the rank is counted in turns of its own. Throws `item_not_found`. */
export async function whyOf(options: {
  context: CollectionContext;
  question: Question;
  asked: QueryOptions;
  id: string;
  /** The slots that are answered, and how many hits were looked at to choose them. */
  answer: SearchHits;
  considered: number;
}): Promise<Why> {
  const { context, question, asked, id, answer, considered } = options;
  const { target, selves, threshold, limit, filter } = question.asked;
  const row = rowOf(context, id);
  const exact = scoreOf(target, context.maintained.index.flat, row.slot);
  const score = exact === -Infinity ? null : exact;
  const rank = score === null ? null : await rankOf({ context, question, asked, slot: row.slot, score });
  const found = (removedBy: Why['removedBy'], condition?: object): Why => ({
    id,
    score: score === null ? null : cosine(score),
    rank,
    removedBy,
    ...(condition && { condition }),
  });
  if (answer.slots.includes(row.slot)) return found(null);
  if (selves.has(row.slot)) return found('query');
  const condition = filter && firstFailure(filter.filter, filteredItem(row));
  if (condition) return found('filter', condition);
  if (rank === null) return found('negative_example');
  if (exact < threshold) return found('score_threshold');
  const { offset = 0, mmr } = asked;
  if (mmr) return found(rank <= considered ? 'mmr' : 'limit');
  if (rank > offset + limit) return found('limit');
  return found(rank <= offset ? 'offset' : 'graph');
}

function filteredItem({ id, group, tags, attributes }: ItemRow): FilteredItem {
  return { id, group, tags: JSON.parse(tags), attributes: JSON.parse(attributes) };
}

/** Dot products of a slice: a millisecond or two. */
const SLICE = 8192;

/** What changes meanwhile counts or does not, as it comes: slots only ascend. */
async function rankOf(options: {
  context: CollectionContext;
  question: Question;
  asked: QueryOptions;
  slot: number;
  score: number;
}): Promise<number> {
  const { context, question, asked, slot, score } = options;
  const { flat } = context.maintained.index;
  const { target, selves, filter } = question.asked;
  const examples = target.kind === 'nearest' ? [target.vector] : target.positive;
  const others = target.kind === 'nearest' ? 0 : target.negative.length;
  const slice = Math.ceil(SLICE / (examples.length + others));
  const turns = takeTurns(context, asked.signal);
  let rank = 1;
  let { selection } = question;
  for (let from = flat.next(-1); from !== undefined; ) {
    const through = from + slice - 1;
    const range = { atLeast: score, after: from - 1, through };
    const near = new Set(examples.flatMap((vector) => flat.within({ vector, ...range })));
    for (const other of near) {
      if (other === slot || selves.has(other)) continue;
      if (selection && !selection.passes(flat.rowOf(other))) continue;
      const its = scoreOf(target, flat, other);
      if (its > score || (its === score && other < slot)) rank++;
    }
    if (turns.over) {
      await turns.next();
      selection = filter && selectionOf(context, filter);
    }
    from = flat.next(through);
  }
  return rank;
}
