// The one table of errors: code, HTTP status, whether trying again can help, and what it means.
// Not a place for wording of single cases: the message of each case is written where it is thrown.
// `docs/errors.md` lists the same codes; `test/arch/errors-doc.test.ts` holds the two together.

export interface ErrorEntry {
  /** HTTP status the server answers with. The only place where a status is decided. */
  readonly status: number;
  /** True where the same call may succeed later without a change. */
  readonly retryable: boolean;
  /** One sentence for the documentation. */
  readonly meaning: string;
}

const entry = (status: number, meaning: string, retryable = false): ErrorEntry => ({
  status,
  retryable,
  meaning,
});

export const ERRORS = {
  // bad input
  invalid_argument: entry(400, 'A field has the wrong type, range or length.'),
  unknown_option: entry(400, 'A field or option that does not exist was given; it is named.'),
  invalid_json: entry(400, 'The request body is not valid JSON.'),
  invalid_multipart: entry(400, 'The multipart body is malformed or has an unexpected part.'),
  image_undecodable: entry(422, 'The bytes are an image that cannot be decoded: truncated or corrupt.'),
  image_unsupported: entry(
    415,
    'The bytes are not an image of a supported format (JPEG, PNG, WebP, GIF, AVIF, TIFF).',
  ),
  image_featureless: entry(422, 'The model gives this picture a vector of zeros, which is near to nothing.'),
  image_too_large: entry(413, 'The image exceeds the limit on bytes, side length or pixels.'),
  body_too_large: entry(413, 'The request body exceeds the limit.'),
  unsupported_media_type: entry(415, 'The Content-Type is not one that this route reads.'),
  url_forbidden: entry(422, 'The URL may not be fetched: its host, port or form is not allowed.'),
  url_unreachable: entry(422, 'No image came from the URL.', true),
  url_too_large: entry(413, 'What the URL answers with has more bytes than the limit.'),
  vector_dimension: entry(400, 'The vector does not have the dimension of the collection.'),
  dataset_invalid: entry(422, 'The data set cannot be read or has no usable rows.'),
  // who asks
  unauthorized: entry(401, 'No API key was given, or one that is not known.'),
  forbidden: entry(403, 'The API key does not allow this.'),
  rate_limited: entry(429, 'More calls than allowed in this time; again after Retry-After.', true),
  // wrong state
  route_not_found: entry(404, 'No such path.'),
  method_not_allowed: entry(405, 'The path exists but not with this method.'),
  collection_not_found: entry(404, 'No such collection.'),
  collection_exists: entry(409, 'A collection of this name exists already.'),
  alias_not_found: entry(404, 'No such alias.'),
  task_not_found: entry(404, 'No such task, or it was forgotten since.'),
  task_conflict: entry(409, 'The task is not in a state in which this can be done.'),
  idempotency_conflict: entry(409, 'The idempotency key was used for another call.'),
  snapshot_not_found: entry(404, 'No such snapshot.'),
  item_not_found: entry(404, 'No such item in the collection.'),
  image_not_stored: entry(404, 'The item was added by its vector and has no stored image.'),
  model_not_found: entry(404, 'No such model folder.'),
  model_invalid: entry(
    422,
    'The model folder is incomplete, corrupt, or its fingerprint does not match its bytes.',
  ),
  fingerprint_mismatch: entry(
    409,
    'The collection was made by another model: a query never crosses fingerprints.',
  ),
  collection_without_model: entry(
    409,
    'The collection was made by its dimension: it takes vectors, not images.',
  ),
  checkpoint_invalid: entry(422, 'The training checkpoint is corrupt or belongs to another run.'),
  // onnx
  onnx_invalid: entry(422, 'The ONNX file is malformed.'),
  onnx_unsupported: entry(
    422,
    'The graph has a node that this operation does not support; node and op are named.',
  ),
  parity_failed: entry(500, 'The exported model does not reproduce the embeddings of the trainer.'),
  provider_unavailable: entry(503, 'The requested execution provider is not available on this machine.'),
  // storage
  store_locked: entry(503, 'Another process has the data folder open.', true),
  store_newer: entry(422, 'The data folder was written by a newer version.'),
  store_corrupt: entry(500, 'The data folder fails its integrity check.'),
  snapshot_invalid: entry(422, 'The file is not a snapshot, or not the one that was written.'),
  index_invalid: entry(500, 'An index file does not match its manifest; it is rebuilt from the store.'),
  index_too_large: entry(507, 'The graph of a collection does not fit into memory; it is searched exactly.'),
  store_full: entry(507, 'The disk of the data folder is full; nothing of the call was written.', true),
  store_read_only: entry(503, 'The data folder cannot be written.', true),
  // load
  overloaded: entry(429, 'The queue is full; try again after the time in Retry-After.', true),
  deadline_exceeded: entry(
    408,
    'The time that the caller allowed (x-timeout-ms) was over before the answer was there.',
    true,
  ),
  not_ready: entry(503, 'The server is starting or stopping.', true),
  embedder_crashed: entry(503, 'The process that embedded this batch died; it has been replaced.', true),
  aborted: entry(499, 'The caller went away or cancelled.', true),
  internal: entry(500, 'Internal error; the log has the details under the request id.'),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;
