// Keeps so many embedding processes alive and fed from a queue: one slot each, in which one process follows the other. What callers
// see of it is pool.ts, one process is child-process.ts.

import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { AttractorError, asAttractorError } from '../errors/error.ts';
import { type EmbedProcess, startEmbedProcess } from './child-process.ts';
import type { PoolOptions } from './options.ts';
import type { ModelFacts } from './protocol.ts';
import type { BatchQueue } from './queue.ts';

/** Processes of one slot that die in a row before they have done any work; then callers are told, not kept waiting. */
const MAX_FAILURES = 3;
/** The slot that is kept for queries, where there is another one for imports. */
const KEPT = 0;
/** Of the other slots: where cores are short, an import gives way to the kept process and to its parent. */
const NICENESS = 10;
/** Wait after the first of such failures, doubled with every other up to the second number. Milliseconds. */
const BACKOFF = [100, 30_000] as const;

/** Counters are since the start. */
export interface ProcessStats {
  readonly processes: { readonly wanted: number; readonly live: number };
  /** Processes replaced because they had done their number of images. */
  readonly recycled: number;
  /** Processes that died or hung. */
  readonly crashed: number;
}

export interface Processes {
  /** Settles when the first one has opened the model, or there is no hope that one will. */
  readonly opened: Promise<ModelFacts>;
  /** Why requests are refused; undefined while there is, or soon will be, a process to serve them. */
  readonly outage: AttractorError | undefined;
  stats(): ProcessStats;
  /** Lets the batches under way finish. */
  close(): Promise<void>;
}

export function startProcesses(options: { settings: PoolOptions; queue: BatchQueue }): Processes {
  const { queue } = options;
  const { model, processes, timeout, recycleAfter, logger, batching: batchingFor } = options.settings;
  const closing = new AbortController();
  const live = new Set<EmbedProcess>();
  const counts = { recycled: 0, crashed: 0 };
  /** Never two at once: a replacement takes memory and a core. */
  let recycling = false;
  let outage: AttractorError | undefined;
  let facts: ModelFacts | undefined;
  let settle!: { resolve: (facts: ModelFacts) => void; reject: (error: AttractorError) => void };
  const opened = new Promise<ModelFacts>((resolve, reject) => {
    settle = { resolve, reject };
  });

  /** One slot of the pool: one process after the other until the pool closes. */
  async function occupy(slot: number): Promise<void> {
    let failures = 0;
    let successor: EmbedProcess | undefined;
    while (!closing.signal.aborted) {
      try {
        const worker = successor ?? (await start(slot));
        successor = undefined;
        successor = await serve(worker, slot);
        failures = 0;
      } catch (error) {
        failures += 1;
        await onFailure(asAttractorError(error), failures);
      }
    }
    await successor?.stop();
  }

  async function start(slot: number): Promise<EmbedProcess> {
    const onSpawn = (pid: number): void => {
      if (slot !== KEPT) giveWay(pid);
      logger?.info({ pid, model: model.directory }, 'embedding process started');
    };
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

  /** Feeds one process until it dies, is replaced, or the pool closes; ends it. Its successor, where that is ready. */
  async function serve(worker: EmbedProcess, slot: number): Promise<EmbedProcess | undefined> {
    live.add(worker);
    const batching = { ...batchingFor(worker.facts.provider), kept: slot === KEPT && processes > 1 };
    const replaced = new AbortController();
    const signal = AbortSignal.any([worker.gone, closing.signal, replaced.signal]);
    let replacement: Promise<EmbedProcess | undefined> | undefined;
    let images = 0;
    let due = recycleAfter;
    for (;;) {
      const batch = await queue.take({ ...batching, signal });
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
      if (images < due || recycling || signal.aborted) continue;
      due = images + recycleAfter;
      replacement = recycle(worker, slot, replaced);
    }
    live.delete(worker);
    if (worker.gone.aborted) counts.crashed += 1;
    else await worker.stop();
    // It may still be starting, where the process died or the pool closed meanwhile.
    const successor = await replacement;
    if (successor) return successor;
    if (worker.gone.aborted && !closing.signal.aborted) {
      if (images === 0) throw worker.gone.reason; // died before any work: as good as not started
      logger?.warn({ pid: worker.pid }, 'embedding process is replaced');
    }
    return undefined;
  }

  /** Starts the process after `worker`, which works on until `replaced` is aborted. Undefined where it does not start. */
  async function recycle(
    worker: EmbedProcess,
    slot: number,
    replaced: AbortController,
  ): Promise<EmbedProcess | undefined> {
    recycling = true;
    try {
      const successor = await start(slot);
      counts.recycled += 1;
      logger?.info({ pid: worker.pid, successor: successor.pid }, 'embedding process is recycled');
      replaced.abort();
      return successor;
    } catch (error) {
      logger?.error({ pid: worker.pid, error }, 'no successor for an embedding process: it works on');
      return undefined;
    } finally {
      recycling = false;
    }
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

  const slots = Array.from({ length: processes }, (_, slot) => occupy(slot));
  return {
    opened,
    get outage() {
      return outage;
    },
    stats: () => ({ ...counts, processes: { wanted: processes, live: live.size } }),
    async close() {
      closing.abort();
      await Promise.all(slots);
    },
  };
}

/** A lower priority is a wish: some systems refuse it. */
function giveWay(pid: number): void {
  try {
    setPriority(pid, NICENESS);
  } catch {}
}
