// The client's types, derived from the schemas that the server parses and describes itself by. Types only: nothing of
// the server is loaded.

import type { z } from 'zod';
import type { changeAliases } from '../server/schemas/aliases.ts';
import type { createCollection } from '../server/schemas/collections.ts';
import type { patchItems, upsertItems } from '../server/schemas/items.ts';
import type { groupsBody, queryBody } from '../server/schemas/query.ts';
import type { facetBody, scrollBody } from '../server/schemas/reading.ts';
import type * as replies from '../server/schemas/replies.ts';
import type * as taskReplies from '../server/schemas/task-replies.ts';
import type { findDuplicates, importRow, listDeadLetters, listTasks } from '../server/schemas/tasks.ts';
import type { ErrorCode } from '../src/errors/table.ts';

/** Bytes, or what JSON can carry: base64 text, a data URI, an object that says where the image is. */
export type Bytes = Uint8Array | Blob;
export type ImageInput = Bytes | NonNullable<z.input<typeof queryBody>['image']>;

type WithImage<T> = T extends { image?: unknown } ? Omit<T, 'image'> & { image?: ImageInput } : T;

export type ItemInput = WithImage<z.input<ReturnType<typeof upsertItems>>['items'][number]>;
/** What describes an item beside its id and picture. */
export type ItemFacts = Omit<ItemInput, 'id' | 'image' | 'vector'>;
/** `crops` changes the form of the answer: see client.request. */
export type QueryInput = Omit<WithImage<z.input<typeof queryBody>>, 'crops'>;
export type GroupsInput = Omit<WithImage<z.input<typeof groupsBody>>, 'crops'>;
export type BatchInput = Omit<z.input<typeof queryBody>, 'crops'>;
export type PatchInput = z.input<typeof patchItems>;
export type ScrollInput = NonNullable<z.input<typeof scrollBody>>;
export type FacetInput = z.input<typeof facetBody>;
export type Filter = NonNullable<QueryInput['filter']>;
export type CollectionInput = NonNullable<z.input<typeof createCollection>>;

export type AliasAction = z.input<typeof changeAliases>['actions'][number];
/** JSON Lines as objects, or a whole body: JSON Lines unless `format` says CSV. */
export type ImportInput = Iterable<ImportRow> | AsyncIterable<ImportRow> | Blob | ReadableStream<Uint8Array>;
/** An image is base64, a data URI or a URL. */
export type ImportRow = z.input<typeof importRow>;
export type DuplicatesInput = z.input<typeof findDuplicates>;
export type TaskListInput = Partial<z.output<typeof listTasks>>;
export type DeadLettersInput = z.input<typeof listDeadLetters>;

export type CollectionInfo = z.output<typeof replies.collectionInfo>;
export type Collection = z.output<typeof replies.collection>;
export type Item = z.output<typeof replies.item>;
export type UpsertResult = z.output<typeof replies.upsertResult>;
export type Hit = z.output<typeof replies.hit>;
export type HitGroup = z.output<typeof replies.groups>['groups'][number];
export type Timing = z.output<typeof replies.account.timing>;
export type Explanation = NonNullable<z.output<typeof replies.account.explanation>>;
export type Why = NonNullable<z.output<typeof replies.account.why>>;
export type Page = z.output<typeof replies.page>;
export type FacetCount = z.output<typeof replies.facet>['hits'][number];

export type Alias = z.output<typeof replies.aliases>['aliases'][number];
export type Task = z.output<typeof taskReplies.task>;
export type TaskList = z.output<typeof taskReplies.taskList>;
export type DeadLetters = z.output<typeof taskReplies.deadLetters>;
/** What became of a row; the last one has the counts. */
export type ImportLine = z.output<typeof taskReplies.importLine>;
export type Snapshot = z.output<typeof taskReplies.snapshots>['snapshots'][number];

export interface QueryReply {
  readonly points: readonly Hit[];
  readonly timing: Timing;
  /** Where the filter names attributes that no item has. */
  readonly warnings?: readonly string[];
  /** With `params: { explain: true }`. */
  readonly explanation?: Explanation;
  /** With `why`. */
  readonly why?: Why;
}

export interface GroupsReply {
  readonly groups: readonly HitGroup[];
  readonly timing: Timing;
  readonly warnings?: readonly string[];
  readonly explanation?: Explanation;
}

/** A code of the API's table (docs/errors.md); `unknown`: the answer is not Attractor's, as of a proxy in between. */
export type Code = ErrorCode | 'unknown';
