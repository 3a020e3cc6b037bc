// What the API and the CLI say to a catalogue and hear back: the nouns of docs/design.md as types.

import type { Embedder } from '../embed/embedder.ts';
import type { AttractorError } from '../errors/error.ts';
import type { FilterInput } from '../filter/read.ts';
import type { Crop } from '../image/crop.ts';
import type { Plan } from '../index/planner.ts';
import type { ReplyTable } from '../store/replies.ts';
import type { TaskTable } from '../store/tasks.ts';
import type { FacetCount, FacetOptions } from './facet.ts';
import type { PatchOptions, PatchResult } from './patch.ts';
import type { ScrollOptions, ScrollPage } from './scroll.ts';
import type { Why } from './why.ts';

export type AttributeValue = string | number | boolean;

/** One catalogue entry as the user gives it. Exactly one of `image` and `vector`. */
export interface ItemInput {
  readonly id: string;
  /** Product id; several items (views) share one. Defaults to the item's own id. */
  readonly group?: string;
  readonly image?: Uint8Array;
  readonly vector?: Float32Array;
  readonly tags?: readonly string[];
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
}

/** Frozen, its lists and maps too: items are shared. */
export interface Item {
  readonly id: string;
  readonly group: string;
  readonly tags: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  /** SHA-256 (hex) of the stored image; absent for items added by vector. */
  readonly imageHash?: string;
  /** Only where asked for. */
  readonly vector?: Float32Array;
}

/** What every write takes. */
export interface Writing<Result> {
  /** Called in the last transaction of the write, with what it will return: what is stored here is never there without it. */
  readonly onWritten?: (result: Result) => void;
}

/** What a write in steps takes, each step a transaction of its own: one that was cut off can be gone on with. */
export interface InSteps {
  /** Called in the transaction of every step but the last. */
  readonly onStep?: (done: StepsDone) => void;
  /** What a call that was cut off told last: its steps are not done again, and they count. */
  readonly from?: StepsDone;
}

export interface StepsDone {
  /** Items up to this slot are settled. */
  readonly slot: number;
  readonly matched: number;
  readonly changed: number;
}

export type UpsertStatus = 'created' | 'updated' | 'unchanged' | 'failed';

/**
 * One per input, in order, as if applied one after another (of a repeated id the last stays). Everything but `failed`
 * is durable when the call returns. `unchanged`: same image or vector and same metadata.
 */
export interface UpsertResult {
  readonly id: string;
  readonly status: UpsertStatus;
  readonly error?: AttractorError;
}

/** An image, or the part of it that `crop` names. */
export interface ImageExample {
  readonly image: Uint8Array;
  readonly crop?: Crop;
}

/** An item by its id, a vector, or an image. */
export type Example = string | Float32Array | ImageExample;

export type QueryBy =
  | ImageExample
  | { readonly id: string }
  | { readonly vector: Float32Array }
  | { readonly recommend: Recommend };

/** More like these and less like those. Items among them are no answers. */
export interface Recommend {
  /** At least one. */
  readonly positive: readonly Example[];
  readonly negative?: readonly Example[];
  /**
   * `average_vector` (default): near the mean of the positive ones, away from the mean of the negative ones.
   * `best_score`: near any of the positive ones; not what is nearer to one of the negative ones.
   */
  readonly strategy?: 'average_vector' | 'best_score';
}

export interface QueryOptions {
  readonly by: QueryBy;
  /** Hits (or groups) wanted, 1 to 1,000. Default 10. */
  readonly limit?: number;
  /**
   * Hits to leave out first, 0 to 10,000 less `limit`. Naming it, 0 too, asks for exact order, so that pages neither
   * overlap nor leave gaps.
   */
  readonly offset?: number;
  /** Only items that pass are answers. Qdrant's object, or an expression: see docs/api.md. */
  readonly filter?: FilterInput;
  /** Hits below this cosine are left out. */
  readonly scoreThreshold?: number;
  /** Hits that differ from each other: `diversity` from 0 to 1, chosen among the best `candidates` (default 100). */
  readonly mmr?: { readonly diversity: number; readonly candidates?: number };
  /** True: scan everything instead of walking the graph. */
  readonly exact?: boolean;
  /** Search width of the graph, 1 to 10,000. Naming it asks for the graph also where a scan would be as cheap. */
  readonly ef?: number;
  readonly withVector?: boolean;
  /** True: the answer says how it was found. */
  readonly explain?: boolean;
  /** The id of an item: the answer says where it is, or why it is not there. Compares all items at that. */
  readonly why?: string;
  readonly signal?: AbortSignal;
}

export type GroupQueryOptions = Omit<QueryOptions, 'offset' | 'mmr' | 'why'> & {
  readonly groupSize?: number;
  /** `group` (default), `tags`, or the name of an attribute: its texts and whole numbers. */
  readonly groupBy?: string;
};

export interface Hit {
  readonly id: string;
  /** Cosine similarity. */
  readonly score: number;
  readonly item: Item;
}

/** Milliseconds. */
export interface QueryTiming {
  readonly embed: number;
  readonly search: number;
}

/** How a query was answered. Times are in milliseconds. */
export interface Explanation {
  readonly plan: Plan['kind'];
  readonly reason: string;
  /** Live items. */
  readonly items: number;
  /** Items that pass the filter, as some of the items let expect and in truth; all without one. */
  readonly estimated: number;
  readonly matches: number;
  readonly candidates: number;
  readonly timing: QueryTiming & { readonly filter: number };
}

export interface QueryAnswer {
  readonly hits: readonly Hit[];
  readonly timing: QueryTiming;
  /** Of what is no error, and may be none: the filter names attributes that no item has. */
  readonly warnings?: readonly string[];
  /** Only where asked for. */
  readonly explanation?: Explanation;
  readonly why?: Why;
}

export interface HitGroup {
  readonly id: string | number;
  /** Best first, at most `groupSize`. Groups are ordered by their best hit. */
  readonly hits: readonly Hit[];
}

export interface GroupAnswer {
  readonly groups: readonly HitGroup[];
  readonly timing: QueryTiming;
  readonly warnings?: readonly string[];
  /** Only where asked for; of the last search, as finding enough groups may take several. */
  readonly explanation?: Explanation;
}

export interface DuplicateOptions {
  /** Cosine from which two items are the same picture, -1 to 1. */
  readonly threshold: number;
  /** True: only clusters of more than one group. Views of one product are alike by right. */
  readonly acrossGroups?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { done: number; total: number }) => void;
}

/** Items each of which is near another of them; largest cluster first, members in order of their making. */
export interface DuplicateCluster {
  readonly items: readonly { readonly id: string; readonly group: string }[];
}

/** What the live audit found since the collection was opened. Recall is the share of the exact hits that were answered. */
export interface RecallReport {
  /** Of answers by the graph, by the share of items that the query's filter keeps. */
  readonly byFilter: readonly {
    readonly filter: string;
    readonly queries: number;
    readonly recall: number;
  }[];
  /** Of the same queries, had they been asked with this width. */
  readonly byWidth: readonly { readonly ef: number; readonly queries: number; readonly recall: number }[];
  /** The least of these widths with a recall of 0.99; none before 20 queries, and where none has it. */
  readonly proposedEf: number | undefined;
}

export interface CollectionInfo {
  readonly name: string;
  /** Null where the collection was made by its dimension: then it takes vectors only. */
  readonly model: string | null;
  readonly fingerprint: string | null;
  readonly dimension: number;
  readonly metric: 'cosine';
  /** Live items. */
  readonly count: number;
  /** Of them in the graph by now: the others are searched exactly, one by one. */
  readonly indexed: number;
  /** `green`: nothing is being built. `yellow`: a graph is, in the background. */
  readonly status: 'green' | 'yellow';
}

/** Items + vectors of exactly one fingerprint + the index over them. Querying by an item's own id leaves that item out. */
export interface Collection {
  readonly info: CollectionInfo;
  /** Deleted items that the graph still has, until it is built anew. */
  readonly tombstones: number;
  /** Graphs in a row that could not be built; each is tried again by itself, after a pause. */
  readonly buildFailures: number;
  /** Of the answers that were not exact; see src/catalogue/recall-audit.ts. */
  readonly recall: RecallReport;
  upsert(
    options: {
      items: readonly ItemInput[];
      /** True: an item that is malformed fails the call, and nothing is written. Images are not looked at for this. */
      allOrNothing?: boolean;
      priority?: 'online' | 'bulk';
      signal?: AbortSignal;
    } & Writing<UpsertResult[]>,
  ): Promise<UpsertResult[]>;
  /** Throws `item_not_found`. */
  get(options: { id: string; withVector?: boolean }): Item;
  /** Throws `item_not_found` or `image_not_stored`. `mime` is sniffed from the bytes. */
  image(options: { id: string }): { bytes: Uint8Array; mime: string; hash: string };
  /** Durable when it returns; unknown ids are counted out. */
  delete(options: { ids: readonly string[] } & Writing<{ deleted: number }>): { deleted: number };
  /** Builds the graph anew, without what was deleted. Throws `index_invalid` where that failed. */
  compact(): Promise<void>;
  deleteByFilter(
    options: { filter: FilterInput; signal?: AbortSignal } & InSteps & Writing<{ deleted: number }>,
  ): Promise<{ deleted: number }>;
  /** Changes metadata, without embedding anything again. */
  patch(options: PatchOptions): Promise<PatchResult>;
  /** Items in the order in which they came; a new image or vector makes an item the newest. */
  scroll(options: ScrollOptions): Promise<ScrollPage>;
  count(options: { filter?: FilterInput }): Promise<number>;
  facet(options: FacetOptions): Promise<FacetCount[]>;
  /** Of a filter or a facet's key: attributes that no item has, or not of that type. No errors; an answer to a query has its own. */
  warnings(options: { filter?: FilterInput; facet?: string }): string[];
  query(options: QueryOptions): Promise<QueryAnswer>;
  /** Every pair is compared, exactly: about a minute for 100,000 items. Others are answered meanwhile. */
  duplicates(options: DuplicateOptions): Promise<DuplicateCluster[]>;
  /** `offset`, `mmr` and `why` are for hits only. */
  queryGroups(options: GroupQueryOptions): Promise<GroupAnswer>;
}

/** A second name of a collection. */
export interface AliasInfo {
  readonly alias: string;
  readonly collection: string;
}

export type AliasAction =
  /** Makes the alias, or points it at another collection. */
  | { readonly create: AliasInfo }
  /** One that is not there is no error. */
  | { readonly delete: { readonly alias: string } }
  | { readonly rename: { readonly from: string; readonly to: string } };

export interface Catalogue {
  list(): CollectionInfo[];
  /** By its name or an alias. Throws `collection_not_found`. */
  collection(name: string): Collection;
  /**
   * By a model (default: the catalogue's default model), or by the dimension of the vectors that it will be given: then it
   * has no model and takes no images. Throws `collection_exists` or `model_not_found`.
   */
  createCollection(
    options: { name: string; model?: string; dimension?: number } & Writing<CollectionInfo>,
  ): Promise<Collection>;
  /** With its aliases; by its own name only. Throws `collection_not_found`. */
  dropCollection(name: string, options?: Writing<void>): void;
  /** By name. */
  aliases(): AliasInfo[];
  /** In order, all or none, durable. Throws `collection_not_found`, `alias_not_found` or `collection_exists`. */
  changeAliases(options: { actions: readonly AliasAction[] } & Writing<void>): void;
  /** The embedder of a model, started at the first call; the catalogue closes it. */
  embedder(model: string): Promise<Embedder>;
  /** The durable list of tasks, in the same file as the items; src/tasks runs them. */
  readonly tasks: TaskTable;
  /** Answers under idempotency keys; the server keeps them. */
  readonly replies: ReplyTable;
  /** Small named facts that must survive a restart (e.g. "demo imported"). */
  getMeta(key: string): string | undefined;
  setMeta(key: string, value: string): void;
  /** Stops what is being built, closes the store and the embedders. */
  close(): Promise<void>;
}
