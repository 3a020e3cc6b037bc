// The calls on one collection.

import type { Call, CallOptions } from './http.ts';
import { base64, blob, isBytes } from './image.ts';
import { type ImportFormat, importLines, rowsBody } from './import.ts';
import { resultOf as result } from './tasks.ts';
import type {
  BatchInput,
  Collection,
  DuplicatesInput,
  FacetCount,
  FacetInput,
  Filter,
  GroupsInput,
  GroupsReply,
  ImageInput,
  ImportInput,
  ImportLine,
  Item,
  ItemFacts,
  ItemInput,
  Page,
  PatchInput,
  QueryInput,
  QueryReply,
  ScrollInput,
  Task,
  UpsertResult,
} from './types.ts';

type ImportOptions = CallOptions & { format?: ImportFormat };

export interface CollectionClient {
  readonly name: string;
  info(options?: CallOptions): Promise<Collection>;
  /** Adds or replaces items; one result per item, in order. An item that failed does not stop the others. */
  upsert(items: readonly ItemInput[], options?: CallOptions): Promise<UpsertResult[]>;
  /** One item by upload: no base64. Throws where it fails. */
  put(
    item: { id: string; image: Uint8Array | Blob } & ItemFacts,
    options?: CallOptions,
  ): Promise<UpsertResult>;
  /** Throws `item_not_found`. */
  get(id: string, options?: CallOptions & { withVector?: boolean }): Promise<Item>;
  /** The picture as it was sent. Throws `item_not_found`, `image_not_stored`. */
  image(id: string, options?: CallOptions): Promise<Blob>;
  /** Ids that are not there are counted out. */
  delete(ids: string | readonly string[], options?: CallOptions): Promise<{ deleted: number }>;
  /** All that pass. */
  deleteWhere(filter: Filter, options?: CallOptions): Promise<{ deleted: number }>;
  /** Changes attributes, tags and groups of `ids`, or of all that pass the `filter`. */
  patch(change: PatchInput, options?: CallOptions): Promise<{ matched: number; updated: number }>;
  /** A page of items; `next_page_offset` is the next one's `offset`, null after the last. */
  scroll(page?: ScrollInput, options?: CallOptions): Promise<Page>;
  count(filter?: Filter, options?: CallOptions): Promise<number>;
  /** The values of an attribute, `tags` or `group`, the most frequent first. */
  facet(facet: FacetInput, options?: CallOptions): Promise<FacetCount[]>;
  /** By exactly one of `image`, `id`, `vector`, `recommend` and `query`. */
  query(query: QueryInput, options?: CallOptions): Promise<QueryReply>;
  /** The same, one entry per product. */
  queryGroups(query: GroupsInput, options?: CallOptions): Promise<GroupsReply>;
  /** Many at once, answered in order; images as text. One that fails fails all. */
  queryBatch(searches: readonly BatchInput[], options?: CallOptions): Promise<QueryReply[]>;
  /**
   * Any number of items, and what became of each, as soon as it is settled; the last line has the counts. Without a timeout
   * where none is named. Throws `AttractorApiError` where the import ends before its rows do.
   */
  importRows(rows: ImportInput, options?: ImportOptions): AsyncGenerator<ImportLine>;
  /** The same as a task: answers when the rows are there. */
  importTask(rows: ImportInput, options?: ImportOptions): Promise<Task>;
  /** Near-duplicates, as a task: `details.largest` of it has the clusters. */
  duplicates(asked: DuplicatesInput, options?: CallOptions): Promise<Task>;
  /** Builds the graph anew, as a task. */
  compact(options?: CallOptions): Promise<Task>;
}

export function collectionClient(options: { name: string; call: Call }): CollectionClient {
  const { name, call } = options;
  const path = `/v1/collections/${encodeURIComponent(name)}`;
  const itemPath = (id: string) => `${path}/items/${encodeURIComponent(id)}`;
  const json = async <T>(response: Promise<Response>): Promise<T> => (await response).json() as Promise<T>;

  /** Bytes go as an upload, everything else as JSON. Reading twice changes nothing, so it may be made again. */
  async function ask<Reply>(where: string, query: object & { image?: ImageInput }, options?: CallOptions) {
    const { image, ...fields } = query;
    const body = isBytes(image) ? { form: upload(image, fields) } : { json: query };
    type Answer = { result: object; timing: object; warnings?: string[]; explanation?: object; why?: object };
    const { result, timing, warnings, explanation, why } = await json<Answer>(
      call({ method: 'POST', path: where, idempotent: true, ...body, ...options }),
    );
    return {
      ...result,
      timing,
      ...(warnings && { warnings }),
      ...(explanation && { explanation }),
      ...(why && { why }),
    } as Reply;
  }

  /** A POST that may be made twice. */
  const post = <T>(where: string, json: object, options?: CallOptions): Promise<T> =>
    result(call({ method: 'POST', path: path + where, json, idempotent: true, ...options }));

  const send = (rows: ImportInput, wait: boolean, { format, ...options }: ImportOptions = {}) => {
    const request = { method: 'POST', path: `${path}/import?wait=${wait}`, timeout: 0 } as const;
    return call({ ...request, ...rowsBody(rows, format), ...options });
  };

  return {
    name,
    info: (options) => result(call({ method: 'GET', path, ...options })),
    async upsert(items, options) {
      const sent = await Promise.all(
        items.map(async (item) =>
          isBytes(item.image) ? { ...item, image: { base64: await base64(item.image) } } : item,
        ),
      );
      const request = { method: 'PUT', path: `${path}/items`, json: { items: sent }, ...options } as const;
      return (await result<{ items: UpsertResult[] }>(call(request))).items;
    },
    put({ id, image, ...facts }, options) {
      const form = upload(image, { item: facts });
      return result(call({ method: 'PUT', path: itemPath(id), form, ...options }));
    },
    get(id, { withVector = false, ...options } = {}) {
      const query = withVector ? '?with_vector=true' : '';
      return result(call({ method: 'GET', path: itemPath(id) + query, ...options }));
    },
    async image(id, options) {
      return (await call({ method: 'GET', path: `${itemPath(id)}/image`, ...options })).blob();
    },
    delete(ids, options) {
      if (typeof ids === 'string') return result(call({ method: 'DELETE', path: itemPath(ids), ...options }));
      return post('/items/delete', { ids }, options);
    },
    deleteWhere: (filter, options) => post('/items/delete', { filter }, options),
    patch: (change, options) => post('/items/patch', change, options),
    scroll: (page = {}, options) => post('/scroll', page, options),
    async count(filter, options) {
      return (await post<{ count: number }>('/count', { filter }, options)).count;
    },
    async facet(facet, options) {
      return (await post<{ hits: FacetCount[] }>('/facet', facet, options)).hits;
    },
    query: (query, options) => ask<QueryReply>(`${path}/query`, query, options),
    queryBatch: (searches, options) => post('/query/batch', { searches }, options),
    queryGroups: (query, options) => ask<GroupsReply>(`${path}/query/groups`, query, options),
    async *importRows(rows, options) {
      yield* importLines(await send(rows, true, options));
    },
    importTask: (rows, options) => result(send(rows, false, options)),
    duplicates: (asked, options) =>
      result(call({ method: 'POST', path: `${path}/duplicates`, json: asked, ...options })),
    compact: (options) => result(call({ method: 'POST', path: `${path}/compact`, ...options })),
  };
}

/** Fields of a form are JSON in its text form, but for text itself. */
function upload(image: Uint8Array | Blob, fields: object): FormData {
  const form = new FormData();
  form.set('image', blob(image));
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined) form.set(key, typeof value === 'string' ? value : JSON.stringify(value));
  }
  return form;
}
