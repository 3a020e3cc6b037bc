// Imports the body of a call: the one loop behind an import that answers line by line and one that runs as a task.

import type { Collection, ItemInput } from '../catalogue/types.ts';
import { AttractorError, asAttractorError, refuseAborted } from '../errors/error.ts';
import { type Outcome, upsertBatch } from './batch.ts';
import { type BadRow, type Body, type BodyRow, rowsOf, type Survey } from './body.ts';

/** An item whose image is still behind a URL. */
export type RowItem = ItemInput & { readonly url?: string };

/** How rows become items: what the server says about both. */
export interface RowReading {
  /** Checks a row. Throws what is wrong with it. */
  readonly readRow: (value: unknown) => RowItem;
  /** Absent: rows with URLs fail. */
  readonly fetchImage?: (options: { url: string; signal: AbortSignal }) => Promise<Uint8Array>;
  /** Of one row in the body. */
  readonly maxRowBytes: number;
}

export interface RowResult {
  readonly line: number;
  readonly id: string;
  readonly outcome: Outcome;
}

/** Rows of one transaction: as many as this, or fewer that are this long together. */
const BATCH_ROWS = 32;
const BATCH_BYTES = 32 * 2 ** 20;

export interface ImportBodyOptions {
  readonly collection: Collection;
  readonly body: Body;
  readonly survey: Survey;
  readonly reading: RowReading;
  /** Rows to leave out: those that are settled already. */
  readonly skip?: number;
  /** Only these lines. */
  readonly only?: ReadonlySet<number>;
  readonly signal: AbortSignal;
}

/** A batch at a time; each is durable when it is yielded. Throws what concerns the import as a whole, and as `refuseAborted`. */
export async function* importBody(options: ImportBodyOptions): AsyncGenerator<RowResult[]> {
  const { collection, body, survey, reading, skip = 0, only, signal } = options;
  let batch: Read[] = [];
  let bytes = 0;
  let row = 0;
  for await (const source of rowsOf({ body, survey, maxRowBytes: reading.maxRowBytes, signal })) {
    if (row++ < skip || (only && !only.has(source.line))) continue;
    const read = readRow(source, reading);
    batch.push(read);
    bytes += read.input instanceof AttractorError ? 0 : (read.input.image?.length ?? 0);
    if (batch.length < BATCH_ROWS && bytes < BATCH_BYTES) continue;
    yield await settle({ collection, batch, reading, signal });
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield await settle({ collection, batch, reading, signal });
}

interface Read {
  readonly line: number;
  readonly id: string;
  readonly input: RowItem | AttractorError;
}

function readRow(source: BodyRow | BadRow, reading: RowReading): Read {
  const { line } = source;
  if ('error' in source) return { line, id: '', input: source.error };
  const { id } = source.value as { id?: unknown };
  const named = typeof id === 'string' ? id.slice(0, 256) : '';
  try {
    return { line, id: named, input: reading.readRow(source.value) };
  } catch (error) {
    return { line, id: named, input: asAttractorError(error) };
  }
}

async function settle(options: {
  collection: Collection;
  batch: readonly Read[];
  reading: RowReading;
  signal: AbortSignal;
}): Promise<RowResult[]> {
  const { collection, batch, reading, signal } = options;
  const inputs = await Promise.all(batch.map(({ input }) => fetched(input, reading, signal)));
  const outcomes = await upsertBatch({ collection, inputs, signal });
  return batch.map(({ line, id }, i) => ({ line, id, outcome: outcomes[i]! }));
}

async function fetched(
  input: RowItem | AttractorError,
  { fetchImage }: RowReading,
  signal: AbortSignal,
): Promise<ItemInput | AttractorError> {
  if (input instanceof AttractorError || input.url === undefined) return input;
  const { url, ...item } = input;
  if (!fetchImage) {
    const message = 'image: this server fetches no images by URL; send their bytes as base64';
    return new AttractorError('url_forbidden', message, { field: 'image' });
  }
  try {
    return { ...item, image: await fetchImage({ url, signal }) };
  } catch (error) {
    refuseAborted(signal);
    return asAttractorError(error);
  }
}
