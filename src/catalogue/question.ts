// What a query asks, checked and turned into what the index understands: the target, the items that are no answer, the
// rows that pass the filter.

import { invalid, refuseAborted, refuseUnknown } from '../errors/error.ts';
import type { Selection } from '../filter/selection.ts';
import type { CollectionContext } from './context.ts';
import { Examples, type NamedExample } from './examples.ts';
import { observe } from './observer.ts';
import { type AskedFilter, askedFilter, prepareFilter, selectionOf } from './selection.ts';
import { averageTarget, type Target } from './target.ts';
import type { Example, QueryOptions, Recommend } from './types.ts';
import { LIMITS } from './validate.ts';

const BY = ['image', 'crop', 'id', 'vector', 'recommend'];
const ONE = 'exactly one of image, id, vector and recommend';

/** What hits and groups can both be asked with. */
export const OPTIONS: readonly string[] = [
  'by',
  'limit',
  'filter',
  'scoreThreshold',
  'exact',
  'ef',
  'withVector',
  'explain',
  'signal',
];

/** What is asked, whatever the collection has by then. */
export interface Asked {
  readonly target: Target;
  /** Slots of the items that are asked by: they are no answers. */
  readonly selves: ReadonlySet<number>;
  readonly filter: AskedFilter | undefined;
  readonly limit: number;
  readonly threshold: number;
  readonly exact: boolean;
  readonly ef: number | undefined;
  /** When it was asked, and had its vector: milliseconds of the context's clock. */
  readonly started: number;
  readonly embedded: number;
}

/** Good until the collection changes: to be answered in the turn it comes. */
export interface Question {
  readonly asked: Asked;
  /** Undefined without a filter. */
  readonly selection: Selection | undefined;
  /** When it had its rows. */
  readonly filtered: number;
}

/** Throws for anything that cannot be asked. */
export async function askedBy(context: CollectionContext, options: QueryOptions): Promise<Asked> {
  context.assertOpen();
  refuseAborted(options.signal);
  const started = context.clock();
  const { scoreThreshold: threshold = -Infinity, ef } = options;
  if (options.scoreThreshold !== undefined && !Number.isFinite(threshold)) {
    throw invalid('scoreThreshold', 'a finite number', threshold);
  }
  if (ef !== undefined) integer(ef, 'ef', 1, LIMITS.ef);
  const limit = integer(options.limit ?? 10, 'limit', 1, LIMITS.queryLimit);
  const filter = askedFilter(options.filter);
  const { target, selves } = await targetOf(context, options);
  const embedded = context.clock();
  if (filter) await prepareFilter(context, filter, options.signal);
  // Pages follow each other in exact order.
  const exact = options.exact || options.offset !== undefined;
  return { target, selves, filter, limit, threshold, exact, ef, started, embedded };
}

/** With its rows. Throws where it cannot be asked any more. */
export function questionOf(context: CollectionContext, asked: Asked): Question {
  context.assertOpen();
  const { filter, embedded } = asked;
  if (!filter) return { asked, selection: undefined, filtered: embedded };
  const selection = selectionOf(context, filter);
  // Looked up here, for the time that it takes is the filter's.
  void selection.share;
  const filtered = observe(context, { operation: 'query', stage: 'filter', from: embedded });
  return { asked, selection, filtered };
}

async function targetOf(context: CollectionContext, options: QueryOptions) {
  const { by, signal } = options;
  if (by === null || typeof by !== 'object') throw invalid('by', ONE, by);
  refuseUnknown(by, BY, 'by');
  const given = Object.keys(by).filter((key) => key !== 'crop');
  if (given.length !== 1) throw invalid('by', ONE, given.length === 0 ? 'none' : given.join(' and '));
  if ('crop' in by && !('image' in by)) throw invalid('by.crop', 'no crop without an image', 'a crop');
  const examples = new Examples(context);
  const { selves } = examples;
  if ('recommend' in by) return { target: await recommended(examples, by.recommend, signal), selves };
  const one: Example = 'image' in by ? by : 'id' in by ? by.id : by.vector;
  const [vector] = await examples.vectors([{ one, field: `by.${given[0]}` }], signal);
  return { target: { kind: 'nearest', vector: vector! } as const, selves };
}

async function recommended(examples: Examples, recommend: Recommend, signal?: AbortSignal): Promise<Target> {
  const at = 'by.recommend';
  if (recommend === null || typeof recommend !== 'object') throw invalid(at, 'an object', recommend);
  refuseUnknown(recommend, ['positive', 'negative', 'strategy'], at);
  const { positive, negative = [], strategy = 'average_vector' } = recommend;
  if (strategy !== 'best_score' && strategy !== 'average_vector') {
    throw invalid(`${at}.strategy`, 'average_vector or best_score', strategy);
  }
  const named = (list: readonly Example[], field: string, fewest: number): NamedExample[] => {
    if (!Array.isArray(list) || list.length < fewest || list.length > LIMITS.examples) {
      throw invalid(field, `an array of ${fewest} to ${LIMITS.examples} ids, vectors or images`, list);
    }
    return list.map((one, i) => ({ one, field: `${field}[${i}]` }));
  };
  const good = named(positive, `${at}.positive`, 1);
  const bad = named(negative, `${at}.negative`, 0);
  const vectors = await examples.vectors([...good, ...bad], signal);
  const [near, far] = [vectors.slice(0, good.length), vectors.slice(good.length)];
  if (strategy === 'best_score') return { kind: 'best', positive: near, negative: far };
  const target = averageTarget(near, far);
  if (!target) throw invalid(at, 'examples that do not cancel each other out', 'a mean of zero');
  return target;
}

export function integer(value: number, field: string, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw invalid(field, `an integer from ${least} to ${most}`, value);
  }
  return value;
}
