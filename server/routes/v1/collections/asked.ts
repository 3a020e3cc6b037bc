// The fields of a query as the catalogue takes them, and its answers as the API shows them. Which route is which is query.ts.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type {
  Collection,
  Example,
  Explanation,
  Hit,
  ImageExample,
  QueryAnswer,
  QueryBy,
  QueryOptions,
  QueryTiming,
} from '../../../../src/catalogue/types.ts';
import type { Why } from '../../../../src/catalogue/why.ts';
import { AttractorError, withoutPrefix } from '../../../../src/errors/error.ts';
import type { ImageReader, ImageSource } from '../../../http/image.ts';
import { type Written, writeList, writeObject } from '../../../http/json.ts';
import type { Stop } from '../../../http/stop.ts';
import type {
  ByFields,
  CommonFields,
  ExampleFields,
  GroupFields,
  HitFields,
  RecommendFields,
} from '../../../schemas/query.ts';
import { writeHit } from '../shape.ts';

/** One answer: `result` of the envelope, and what stands beside it. */
export type Answer = { readonly result: Readonly<Record<string, Written>> } & Beside;
interface Beside {
  readonly timing: ShownTiming;
  readonly warnings?: readonly string[];
  readonly explanation?: object;
  readonly why?: object;
}
type ShownTiming = ReturnType<typeof showTiming>;

export interface Asking {
  readonly name: string;
  readonly collection: Collection;
  readonly images: ImageReader;
  readonly stop: Stop;
  /** The picture of an upload: what is asked by, then. */
  readonly image?: Uint8Array;
}

/** The hits, or those of each crop. */
export async function askHits(asking: Asking, fields: HitFields): Promise<Answer> {
  const { name, collection } = asking;
  const { offset, mmr, why } = fields;
  const variety = mmr && { diversity: mmr.diversity, candidates: mmr.candidates_limit };
  return perCrop(asking, fields, async (by) => {
    const answer = await collection.query({ offset, mmr: variety, why, ...toOptions(asking, fields, by) });
    return { result: { points: writeHits(name, answer.hits, fields) }, ...account(answer) };
  });
}

/** The groups, or those of each crop. */
export async function askGroups(asking: Asking, fields: GroupFields): Promise<Answer> {
  const { name, collection } = asking;
  const { group_by: groupBy, group_size: groupSize } = fields;
  return perCrop(asking, fields, async (by) => {
    const answer = await collection.queryGroups({ groupBy, groupSize, ...toOptions(asking, fields, by) });
    const groups = answer.groups.map(({ id, hits }) =>
      writeObject({ id, hits: writeHits(name, hits, fields) }),
    );
    return { result: { groups: writeList(groups) }, ...account(answer) };
  });
}

/** All at once, so that their images share batches; but each search has its own turn, so that others have theirs. */
export async function inTurns<T, R>(all: readonly T[], ask: (one: T, i: number) => Promise<R>): Promise<R[]> {
  const answers: Promise<R>[] = [];
  for (const [i, one] of all.entries()) {
    const answer = ask(one, i);
    // The first to fail is reported below, in order; until then none may count as unhandled.
    answer.catch(() => {});
    answers.push(answer);
    await nextTurn();
  }
  return Promise.all(answers);
}

const writeHits = (collection: string, hits: readonly Hit[], { with_payload: withPayload }: CommonFields) =>
  writeList(hits.map((hit) => writeHit({ collection, hit, withPayload })));

/** An answer as a reply, and as an element of a list of answers. */
export const asReply = ({ result, ...beside }: Answer) => ({ result: writeObject(result), ...beside });
export const asElement = ({ result, ...beside }: Answer) => writeObject(result, beside);

async function perCrop(
  asking: Asking,
  fields: ByFields,
  ask: (by: QueryBy) => Promise<Answer>,
): Promise<Answer> {
  const by = await toBy(asking, fields);
  const { crops } = fields;
  if (!crops) return named(ask(by));
  if (!('image' in by) || by.crop) {
    const expected = by && 'image' in by ? 'either crop or crops' : 'an image to crop';
    throw new AttractorError('invalid_argument', `crops: expected ${expected}`, { field: 'crops', expected });
  }
  const answers = await inTurns(crops, (crop, i) =>
    named(ask({ ...by, crop })).catch((error: unknown) => {
      throw withoutPrefix(error, 'crop', `crops[${i}]`);
    }),
  );
  // Together: their images were embedded at once, the searches one after the other.
  const timing = { embed_ms: 0, search_ms: 0 };
  for (const one of answers) {
    timing.embed_ms = Math.max(timing.embed_ms, one.timing.embed_ms);
    timing.search_ms = round(timing.search_ms + one.timing.search_ms);
  }
  return { result: { crops: writeList(answers.map(asElement)) }, timing };
}

function toOptions({ stop }: Asking, fields: CommonFields & { why?: string }, by: QueryBy): QueryOptions {
  return {
    by,
    limit: fields.limit,
    filter: fields.filter,
    explain: fields.params.explain,
    scoreThreshold: fields.score_threshold,
    exact: fields.params.exact,
    ef: fields.params.hnsw_ef,
    withVector: fields.with_vector,
    signal: stop.signalOf({ by, filter: fields.filter, why: fields.why }),
  };
}

async function toBy(asking: Asking, fields: ByFields): Promise<QueryBy> {
  const { image, crop, id, vector, query, recommend } = fields;
  const cut = crop && { crop };
  if (asking.image) return { image: asking.image, ...cut };
  if (image !== undefined) return { image: await imageOf(asking, image, 'image'), ...cut };
  if (recommend !== undefined) return { recommend: await toRecommend(asking, recommend), ...cut };
  if (typeof query === 'object' && 'recommend' in query) {
    return { recommend: await toRecommend(asking, query.recommend), ...cut };
  }
  const itemId = id ?? (typeof query === 'string' ? query : undefined);
  // With a crop, for the catalogue to refuse.
  return itemId === undefined
    ? { vector: vector ?? (query as Float32Array), ...cut }
    : { id: itemId, ...cut };
}

async function toRecommend(asking: Asking, { positive, negative, strategy }: RecommendFields) {
  const read = (list: readonly ExampleFields[], side: string): Promise<Example[]> =>
    Promise.all(list.map((one, i) => toExample(asking, one, `recommend.${side}[${i}].image`)));
  return {
    positive: await read(positive, 'positive'),
    ...(negative && { negative: await read(negative, 'negative') }),
    strategy,
  };
}

async function toExample(asking: Asking, one: ExampleFields, field: string): Promise<Example> {
  if (typeof one === 'string' || one instanceof Float32Array) return one;
  const example: ImageExample = { image: await imageOf(asking, one.image, field) };
  return one.crop ? { ...example, crop: one.crop } : example;
}

function imageOf({ images, stop }: Asking, source: ImageSource, field: string): Promise<Uint8Array> {
  return images.read({ source, field, signal: stop.signal });
}

/** With the API's names in its errors. */
function named<T>(answer: Promise<T>): Promise<T> {
  return answer.catch((error: unknown) => {
    throw withoutPrefix(error, 'by.');
  });
}

function account({ timing, warnings, explanation, why }: Omit<QueryAnswer, 'hits'>): Beside {
  return {
    timing: showTiming(timing),
    ...(warnings && { warnings }),
    ...(explanation && { explanation: showExplanation(explanation) }),
    ...(why && { why: showWhy(why) }),
  };
}

function showTiming({ embed, search }: QueryTiming) {
  return { embed_ms: round(embed), search_ms: round(search) };
}

function showExplanation({ timing, ...rest }: Explanation): object {
  return { ...rest, timing: { ...showTiming(timing), filter_ms: round(timing.filter) } };
}

function showWhy({ removedBy, condition, ...rest }: Why): object {
  return { ...rest, removed_by: removedBy, ...(condition && { condition }) };
}

const round = (ms: number) => Math.round(ms * 1000) / 1000;
