// What a query asks, checked and turned into what the index understands: the target, the items that are no answer, the
// rows that pass the filter.

import { invalid, refuseUnknown } from '../errors/error.ts';
import type { Selection } from '../filter/columns.ts';
import { readFilter } from '../filter/read.ts';
import { type CollectionContext, embed, rowOf } from './context.ts';
import { observe, observed } from './observer.ts';
import { averageTarget, type Target } from './target.ts';
import type { QueryOptions, Recommend } from './types.ts';
import { imageHash, LIMITS, validVector } from './validate.ts';

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

/** Good until the collection changes: to be answered in the turn it comes. */
export interface Question {
  readonly target: Target;
  /** Slots of the items that are asked by: they are no answers. */
  readonly selves: ReadonlySet<number>;
  /** Undefined without a filter. */
  readonly selection: Selection | undefined;
  readonly limit: number;
  readonly threshold: number;
  readonly exact: boolean | undefined;
  readonly ef: number | undefined;
  /** When it was asked, had its vector, had its rows: milliseconds of the context's clock. */
  readonly started: number;
  readonly embedded: number;
  readonly filtered: number;
}

/** Throws for anything that cannot be asked. */
export async function questionOf(context: CollectionContext, options: QueryOptions): Promise<Question> {
  const started = context.clock();
  const { scoreThreshold: threshold = -Infinity, exact, ef } = options;
  if (options.scoreThreshold !== undefined && !Number.isFinite(threshold)) {
    throw invalid('scoreThreshold', 'a finite number', threshold);
  }
  if (ef !== undefined) integer(ef, 'ef', 1, LIMITS.ef);
  const limit = integer(options.limit ?? 10, 'limit', 1, LIMITS.queryLimit);
  const filter = options.filter === undefined ? undefined : readFilter(options.filter);
  const { target, selves } = await targetOf(context, options);
  context.assertOpen();
  const embedded = context.clock();
  const { maintained } = context;
  const text = JSON.stringify(options.filter);
  const selection = filter && maintained.items.select({ filter, text });
  const filtered = context.clock();
  if (filter) observe(context, { operation: 'query', stage: 'filter', from: embedded, to: filtered });
  return { target, selves, selection, limit, threshold, exact, ef, started, embedded, filtered };
}

async function targetOf(context: CollectionContext, options: QueryOptions) {
  const { by, signal } = options;
  if (by === null || typeof by !== 'object' || Object.keys(by).length !== 1) {
    throw invalid('by', 'exactly one of image, id, vector and recommend', by);
  }
  refuseUnknown(by, ['image', 'id', 'vector', 'recommend'], 'by');
  const selves = new Set<number>();
  const nearest = (vector: Float32Array) => ({ target: { kind: 'nearest', vector } as Target, selves });
  if ('vector' in by) return nearest(validVector(by.vector, 'by.vector', context.row.dimension));
  if ('id' in by) return nearest(exampleOf(context, by.id, 'by.id', selves));
  if ('recommend' in by) return { target: recommended(context, by.recommend, selves), selves };
  // Read but never written: what visitors photograph is not kept.
  const cached = context.store.items.cachedVector(imageHash(by.image, 'by.image'), context.row.fingerprint);
  context.observer?.cache?.(cached ? { hits: 1, misses: 0 } : { hits: 0, misses: 1 });
  if (cached) return nearest(cached);
  const [result] = await observed(context, { operation: 'query', stage: 'embed' }, () =>
    embed(context, { images: [by.image], priority: 'online', signal }),
  );
  if ('error' in result!) throw result.error;
  return nearest(result!.vector);
}

function recommended(context: CollectionContext, recommend: Recommend, selves: Set<number>): Target {
  const at = 'by.recommend';
  if (recommend === null || typeof recommend !== 'object') throw invalid(at, 'an object', recommend);
  refuseUnknown(recommend, ['positive', 'negative', 'strategy'], at);
  const { positive, negative = [], strategy = 'average_vector' } = recommend;
  const vectorsOf = (examples: typeof positive, field: string, fewest: number) => {
    if (!Array.isArray(examples) || examples.length < fewest || examples.length > LIMITS.examples) {
      throw invalid(field, `an array of ${fewest} to ${LIMITS.examples} ids or vectors`, examples);
    }
    return examples.map((one, i) => exampleOf(context, one, `${field}[${i}]`, selves));
  };
  const good = vectorsOf(positive, `${at}.positive`, 1);
  const bad = vectorsOf(negative, `${at}.negative`, 0);
  if (strategy === 'best_score') return { kind: 'best', positive: good, negative: bad };
  if (strategy !== 'average_vector') {
    throw invalid(`${at}.strategy`, 'average_vector or best_score', strategy);
  }
  const target = averageTarget(good, bad);
  if (!target) throw invalid(at, 'examples that do not cancel each other out', 'a mean of zero');
  return target;
}

/** A unit vector; an item's own slot goes to `selves`. */
function exampleOf(context: CollectionContext, example: unknown, field: string, selves: Set<number>) {
  if (typeof example !== 'string') return validVector(example as Float32Array, field, context.row.dimension);
  const { slot } = rowOf(context, example);
  selves.add(slot);
  return context.maintained.index.flat.vector(slot).slice();
}

export function integer(value: number, field: string, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw invalid(field, `an integer from ${least} to ${most}`, value);
  }
  return value;
}
