// attractor/client: the API of a server as typed calls. Thin, on the global fetch, without dependencies: for Node and
// for browsers. Nothing of the server is loaded.

import { type CollectionClient, collectionClient } from './collection.ts';
import { type Call, type CallOptions, type ClientOptions, createCall, type Request } from './http.ts';
import { resultOf, type SnapshotsClient, snapshotsClient, type TasksClient, tasksClient } from './tasks.ts';
import type { Alias, AliasAction, CollectionInfo, CollectionInput } from './types.ts';

export type { CollectionClient } from './collection.ts';
export { AttractorApiError } from './error.ts';
export type { CallOptions, ClientOptions, Request } from './http.ts';
export type { SnapshotsClient, TasksClient } from './tasks.ts';
export type * from './types.ts';

export class AttractorClient {
  readonly tasks: TasksClient;
  readonly snapshots: SnapshotsClient;
  readonly #call: Call;

  /** Throws where `url` is none. Asks nothing of the server yet. */
  constructor(options: ClientOptions) {
    this.#call = createCall(options);
    this.tasks = tasksClient(this.#call);
    this.snapshots = snapshotsClient(this.#call);
  }

  /** Does not ask whether it exists. */
  collection(name: string): CollectionClient {
    return collectionClient({ name, call: this.#call });
  }

  async collections(options?: CallOptions): Promise<CollectionInfo[]> {
    const request = { method: 'GET', path: '/v1/collections', ...options } as const;
    return (await resultOf<{ collections: CollectionInfo[] }>(this.#call(request))).collections;
  }

  /** Throws `collection_exists`, `model_not_found`. */
  async createCollection(
    { name, ...body }: { name: string } & CollectionInput,
    options?: CallOptions,
  ): Promise<CollectionInfo> {
    const path = `/v1/collections/${encodeURIComponent(name)}`;
    return resultOf(this.#call({ method: 'PUT', path, json: body, ...options }));
  }

  /** With all its items. Throws `collection_not_found`. */
  async deleteCollection(name: string, options?: CallOptions): Promise<void> {
    const path = `/v1/collections/${encodeURIComponent(name)}`;
    await this.#call({ method: 'DELETE', path, ...options });
  }

  async aliases(options?: CallOptions): Promise<Alias[]> {
    const request = { method: 'GET', path: '/v1/aliases', ...options } as const;
    return (await resultOf<{ aliases: Alias[] }>(this.#call(request))).aliases;
  }

  /** In order, all or none. Throws `collection_not_found`, `alias_not_found`, `collection_exists`. */
  async changeAliases(actions: readonly AliasAction[], options?: CallOptions): Promise<void> {
    await this.#call({ method: 'POST', path: '/v1/collections/aliases', json: { actions }, ...options });
  }

  /** Any other route, with the client's key, timeout and retries. Throws `AttractorApiError`. */
  request(request: Request): Promise<Response> {
    return this.#call(request);
  }
}
