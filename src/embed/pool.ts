// The Embedder port on child processes: decoding and inference never run on the caller's event loop, and a crash of
// libvips or onnxruntime costs one process. Batching and order are queue.ts, one process is child-process.ts.

import { setTimeout as sleep } from 'node:timers/promises';
import { AttractorError, asAttractorError, invalid, refuseUnknown } from '../errors/error.ts';
import type { Provider } from '../runtime/session.ts';
import { type EmbedProcess, startEmbedProcess } from './child-process.ts';
import type { Embedder } from './embedder.ts';
import { type EmbedderOptions, poolOptions } from './options.ts';
import type { ModelFacts } from './protocol.ts';
import { createBatchQueue } from './queue.ts';

/** Processes of one slot that die in a row before they have done any work; then callers are told, not kept waiting. */
const MAX_FAILURES = 3;
/** Wait after the first of such failures, doubled with every other up to the second number. Milliseconds. */
const BACKOFF = [100, 30_000] as const;

export interface PooledEmbedder extends Embedder {
  /** What the processes run on. */
  readonly provider: Provider;
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
  const { model, processes, maxBatch, maxQueue, timeout, recycleAfter, logger } = poolOptions(options);

  const queue = createBatchQueue({ maxOnline: maxQueue });
  const closing = new AbortController();
  const live = new Set<EmbedProcess>();
  /** Why requests are refused; undefined while there is, or soon will be, a process to serve them. */
  let outage: AttractorError | undefined;
  let facts: ModelFacts | undefined;
  let settle!: { resolve: (facts: ModelFacts) => void; reject: (error: AttractorError) => void };
  const opened = new Promise<ModelFacts>((resolve, reject) => {
    settle = { resolve, reject };
  });

  /** One slot of the pool: one process after the other until the pool closes. */
  async function occupy(): Promise<void> {
    let failures = 0;
    while (!closing.signal.aborted) {
      try {
        await serve(await start());
        failures = 0;
      } catch (error) {
        failures += 1;
        await onFailure(asAttractorError(error), failures);
      }
    }
  }

  async function start(): Promise<EmbedProcess> {
    const onSpawn = (pid: number): void =>
      logger?.info({ pid, model: model.directory }, 'embedding process started');
    const worker = await startEmbedProcess({ model, timeout, onSpawn });
    const { fingerprint, provider } = worker.facts;
    if (facts && facts.fingerprint !== fingerprint) {
      await worker.stop();
      const details = { field: 'directory', expected: facts.fingerprint, received: fingerprint };
      throw new AttractorError(
        'fingerprint_mismatch',
        'The model folder was replaced while it was in use.',
        details,
      );
    }
    logger?.info(
      { pid: worker.pid, fingerprint, provider, threads: model.threads },
      'embedding process ready',
    );
    outage = undefined;
    facts = worker.facts;
    settle.resolve(facts);
    return worker;
  }

  /** Feeds one process until it dies, is due for replacement, or the pool closes; ends it. */
  async function serve(worker: EmbedProcess): Promise<void> {
    live.add(worker);
    const signal = AbortSignal.any([worker.gone, closing.signal]);
    // Never two replacements at once: the other processes carry the load meanwhile.
    let images = 0;
    while (images < recycleAfter || live.size < processes) {
      const batch = await queue.take({ max: maxBatch, signal });
      if (batch === undefined) break;
      images += batch.images.length;
      try {
        batch.done(await worker.run(batch.images));
      } catch (error) {
        batch.crashed(asAttractorError(error));
        logger?.error(
          { pid: worker.pid, images: batch.images.length, error },
          'embedding process died over a batch',
        );
      }
    }
    live.delete(worker);
    if (!worker.gone.aborted) return worker.stop();
    if (images === 0) throw worker.gone.reason; // died before any work: as good as not started
    logger?.warn({ pid: worker.pid }, 'embedding process is replaced');
  }

  async function onFailure(error: AttractorError, failures: number): Promise<void> {
    logger?.error({ error, failures }, 'embedding process failed before any work');
    const hopeless = error.code !== 'embedder_crashed' || failures >= MAX_FAILURES;
    if (hopeless && live.size === 0) {
      outage = error;
      queue.fail(error);
      settle.reject(error);
    }
    const delay = Math.min(BACKOFF[1], BACKOFF[0] * 2 ** (failures - 1));
    await sleep(delay, undefined, { signal: closing.signal }).catch(() => {});
  }

  const slots = Array.from({ length: processes }, occupy);
  const close = async (): Promise<void> => {
    closing.abort();
    queue.fail(stopped());
    await Promise.all(slots);
    queue.fail(stopped()); // what a crash during the last batches left behind
  };

  const { fingerprint, dimension, provider } = await opened.catch(async (error: AttractorError) => {
    await close();
    throw error;
  });
  return {
    fingerprint,
    dimension,
    provider,
    async embed(request) {
      refuseUnknown(request, ['images', 'priority', 'signal'], 'embed');
      const odd = request.images.findIndex((image) => !(image instanceof Uint8Array));
      if (odd >= 0) throw invalid(`images[${odd}]`, 'a Uint8Array', request.images[odd]);
      if (closing.signal.aborted) throw stopped();
      if (outage) throw outage;
      return queue.submit(request);
    },
    close,
  };
}

const stopped = (): AttractorError => new AttractorError('not_ready', 'The embedder is closed.');
