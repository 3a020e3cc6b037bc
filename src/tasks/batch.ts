// Rows of an import, a batch at a time: one transaction each, ahead of no query, and what may succeed alone is tried alone.

import type { Collection, ItemInput } from '../catalogue/types.ts';
import { AttractorError, asAttractorError, refuseAborted, withoutPrefix } from '../errors/error.ts';

export type Outcome = 'created' | 'updated' | 'unchanged' | AttractorError;

/** One per input, in order; an input that is an error is its own outcome. Durable when it returns. Throws as `refuseAborted`. */
export async function upsertBatch(options: {
  collection: Collection;
  inputs: readonly (ItemInput | AttractorError)[];
  signal?: AbortSignal;
}): Promise<Outcome[]> {
  const inputs = options.inputs.filter((input): input is ItemInput => !(input instanceof AttractorError));
  const outcomes = inputs.length > 0 ? await upsert(options, inputs) : [];
  // Where an image took its embedder down, the images beside it failed with it: each gets one try of its own.
  for (const [i, outcome] of outcomes.entries()) {
    if (outcome instanceof AttractorError && outcome.retryable) {
      outcomes[i] = (await upsert(options, [inputs[i]!]))[0]!;
    }
  }
  let next = 0;
  return options.inputs.map((input) => (input instanceof AttractorError ? input : outcomes[next++]!));
}

async function upsert(
  { collection, signal }: { collection: Collection; signal?: AbortSignal },
  items: readonly ItemInput[],
): Promise<Outcome[]> {
  refuseAborted(signal);
  const results = await collection.upsert({ items, priority: 'bulk', signal });
  // What an abort cut short is no dead letter.
  refuseAborted(signal);
  // Its place in the batch means nothing to whoever sent the row.
  return results.map(({ status, error }, i) =>
    status === 'failed' ? withoutPrefix(asAttractorError(error), `items[${i}].`) : status,
  );
}
