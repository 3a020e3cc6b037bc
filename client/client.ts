// attractor/client: the API of a server as typed calls. Thin, on the global fetch, without dependencies: for Node and
// for browsers. Nothing of the server is loaded.

import { type CollectionClient, collectionClient } from './collection.ts';
import { type Call, type CallOptions, type ClientOptions, createCall, type Request } from './http.ts';
import type { CollectionInfo, CollectionInput } from './types.ts';

export type { CollectionClient } from './collection.ts';
export { AttractorApiError } from './error.ts';
export type { CallOptions, ClientOptions, Request } from './http.ts';
export type * from './types.ts';

export class AttractorClient {
  readonly #call: Call;

  /** Throws where `url` is none. Asks nothing of the server yet. */
  constructor(options: ClientOptions) {
    this.#call = createCall(options);
  }

  /** Does not ask whether it exists. */
  collection(name: string): CollectionClient {
    return collectionClient({ name, call: this.#call });
  }

  async collections(options?: CallOptions): Promise<CollectionInfo[]> {
    const { result } = await this.#json<{ collections: CollectionInfo[] }>({
      method: 'GET',
      path: '/v1/collections',
      ...options,
    });
    return result.collections;
  }

  /** Throws `collection_exists`, `model_not_found`. */
  async createCollection(
    { name, ...body }: { name: string } & CollectionInput,
    options?: CallOptions,
  ): Promise<CollectionInfo> {
    const path = `/v1/collections/${encodeURIComponent(name)}`;
    return (await this.#json<CollectionInfo>({ method: 'PUT', path, json: body, ...options })).result;
  }

  /** With all its items. Throws `collection_not_found`. */
  async deleteCollection(name: string, options?: CallOptions): Promise<void> {
    const path = `/v1/collections/${encodeURIComponent(name)}`;
    await this.#call({ method: 'DELETE', path, ...options });
  }

  /** Any other route, with the client's key, timeout and retries. Throws `AttractorApiError`. */
  request(request: Request): Promise<Response> {
    return this.#call(request);
  }

  async #json<T>(request: Request): Promise<{ result: T }> {
    return (await this.#call(request)).json() as Promise<{ result: T }>;
  }
}
