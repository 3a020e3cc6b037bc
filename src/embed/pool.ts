// The Embedder port on child processes: decoding and inference never run on the caller's event loop, and a crash of
// libvips or onnxruntime costs one process. Batching and order are queue.ts, the processes are processes.ts.

import { AttractorError, invalid, refuseUnknown } from '../errors/error.ts';
import { checkCrop } from '../image/crop.ts';
import type { Provider } from '../runtime/session.ts';
import { bytesOf, type Embedder, type EmbedImage } from './embedder.ts';
import type { QueueStats } from './meter.ts';
import { type EmbedderOptions, poolOptions } from './options.ts';
import { type ProcessStats, startProcesses } from './processes.ts';
import { createBatchQueue } from './queue.ts';

/** For metrics. Counters are since the start. */
export interface EmbedderStats extends QueueStats, ProcessStats {}

export interface PooledEmbedder extends Embedder {
  /** What the processes run on. */
  readonly provider: Provider;
  stats(): EmbedderStats;
}

/**
 * Starts the processes and waits until the first one has opened the model.
 *
 * A dead process is replaced, and its images are tried once more, each alone; an image whose process dies again gets
 * `embedder_crashed`. Where processes keep dying before they have opened the model, requests fail with the reason
 * at once and the next start is tried later and later.
 * @throws `invalid_argument`, `unknown_option`, what opening the model throws (`model_not_found`, ...), or
 * `embedder_crashed` where the processes die before that.
 */
export async function createEmbedder(options: EmbedderOptions): Promise<PooledEmbedder> {
  const settings = poolOptions(options);
  const { maxQueue: maxOnline, maxBulkQueue: maxBulk, clock } = settings;
  const queue = createBatchQueue({ maxOnline, maxBulk, clock });
  const processes = startProcesses({ settings, queue });
  let closed = false;
  const close = async (): Promise<void> => {
    closed = true;
    const ended = processes.close();
    queue.fail(stopped());
    await ended;
    queue.fail(stopped()); // what a crash during the last batches left behind
  };

  const { fingerprint, dimension, provider } = await processes.opened.catch(async (error: AttractorError) => {
    await close();
    throw error;
  });
  return {
    fingerprint,
    dimension,
    provider,
    async embed(request) {
      refuseUnknown(request, ['images', 'priority', 'signal'], 'embed');
      for (const [i, image] of request.images.entries()) checkImage(image, `images[${i}]`);
      if (closed) throw stopped();
      if (processes.outage) throw processes.outage;
      return queue.submit(request);
    },
    stats: () => ({ ...queue.stats(), ...processes.stats() }),
    close,
  };
}

function checkImage(image: EmbedImage, field: string): void {
  const bytes: unknown = image && bytesOf(image);
  if (!(bytes instanceof Uint8Array)) throw invalid(field, 'a Uint8Array, or {bytes, crop}', image);
  if (!(image instanceof Uint8Array) && image.crop) checkCrop(image.crop, `${field}.crop`);
}

const stopped = (): AttractorError => new AttractorError('not_ready', 'The embedder is closed.');
