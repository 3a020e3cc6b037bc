// Which image is embedded next: two priorities, batches across requests, bounds on what may wait, cancellation, and a
// second try for images whose process died. Pure bookkeeping: knows nothing of processes; what waits is kept by waiting.ts.

import { AttractorError, refuseAborted, whyAborted } from '../errors/error.ts';
import type { EmbedImage, EmbedRequest, EmbedResult } from './embedder.ts';
import { Meter, type QueueStats } from './meter.ts';
import { Job, type Ticket, Waiting } from './waiting.ts';

/** For so long after the last query a kept process waits for the next one. Milliseconds. */
const QUIET = 10_000;
/** So many batches of queries in a row, then one of an import that waits: it must not starve. */
const TURNS = 8;

export interface Batch {
  readonly images: readonly EmbedImage[];
  /** One result per image. */
  done(results: readonly EmbedResult[]): void;
  /** The process died over this batch: each image is tried once more, alone, so that one bad image cannot take others with it. */
  crashed(error: AttractorError): void;
}

export interface TakeOptions {
  /** Images of a batch of queries, and of an import. */
  readonly max: number;
  readonly maxBulk: number;
  /**
   * How long a batch of queries may wait for as many as the batch before it had; milliseconds. It never waits while
   * another taker is idle as well, nor where the batch before it had no more, so a single client is never kept.
   */
  readonly maxDelay: number;
  /** Of several takers one is kept for queries: it gets them first, and imports only when no query came for a while. */
  readonly kept?: boolean;
  readonly signal: AbortSignal;
}

export interface BatchQueue {
  /** Settles when every image has a result. Throws `overloaded`, `aborted` or the signal's own error, or what `fail` was given. */
  submit(request: EmbedRequest): Promise<EmbedResult[]>;
  /** Waits for work: images of one priority. Undefined once `signal` aborts. */
  take(options: TakeOptions): Promise<Batch | undefined>;
  /** Ends every request that still waits for an image to be handed out or tried again. */
  fail(error: AttractorError): void;
  stats(): QueueStats;
}

export interface QueueOptions {
  /** Bounds on the images that wait. A request that would go over it is refused whole, unless nothing waits: then any size goes. */
  readonly maxOnline: number;
  /** Default: none. A waiting image is a reference to bytes that its caller holds. */
  readonly maxBulk?: number;
  /** Milliseconds, from any origin. Default: the process's own. */
  readonly clock?: () => number;
}

export function createBatchQueue(options: QueueOptions): BatchQueue {
  const { clock = () => performance.now() } = options;
  const bounds = { online: options.maxOnline, bulk: options.maxBulk ?? Number.POSITIVE_INFINITY };
  const meter = new Meter();
  const waiting = new Waiting();
  /** Who waits for work, in the order they came; true: kept for queries. */
  const takers = new Map<() => void, boolean>();
  let lastOnline = Number.NEGATIVE_INFINITY;
  let turns = 0;
  let idle = 0;
  /** Images in the last batch of queries: how much company the next one can expect. */
  let company = 0;

  /**
   * The next images in order: a retry alone, else online, else bulk. A batch never mixes priorities, so that no
   * query waits for an import's images beside it. A number: milliseconds after which to look again.
   */
  function next({ max, maxBulk, maxDelay, kept = false }: TakeOptions): Batch | number | undefined {
    const again = waiting.again();
    if (again) return batchOf([again], true);
    const bulk = waiting.images.bulk > 0 && !(kept && clock() - lastOnline < QUIET);
    if (waiting.images.online === 0 || (bulk && turns >= TURNS)) {
      if (!bulk) return undefined;
      turns = 0;
      return batchOf(waiting.cut('bulk', maxBulk), false);
    }
    if (waiting.images.online < Math.min(max, company) && idle === 1) {
      const left = maxDelay - (clock() - waiting.first('online')!.since);
      if (left > 0) return left;
    }
    turns = waiting.images.bulk > 0 ? turns + 1 : 0;
    const tickets = waiting.cut('online', max);
    company = tickets.length;
    return batchOf(tickets, false);
  }

  function batchOf(tickets: readonly Ticket[], retried: boolean): Batch {
    const { priority } = tickets[0]!.job;
    const size = tickets.length;
    const began = clock();
    const waited = tickets.reduce((sum, { job }) => sum + began - job.since, 0);
    meter.handedOut({ size, priority, waited });
    return {
      images: tickets.map(({ job, index }) => job.images[index]!),
      done: (results) => {
        meter.back({ size, priority, took: clock() - began, done: true });
        for (const [i, { job, index }] of tickets.entries()) job.finish(index, results[i]!);
        // A kept taker may have waited long enough.
        if (priority === 'bulk') wake();
      },
      crashed: (error) => {
        meter.back({ size, priority, took: clock() - began, done: false });
        if (retried) for (const { job, index } of tickets) job.finish(index, { error });
        else waiting.tryAgain(tickets);
        wake();
      },
    };
  }

  /** Lets the takers look again: the kept one first, the others in the order in which they came. */
  function wake(): void {
    const all = [...takers];
    for (const [look] of [...all.filter(([, kept]) => kept), ...all.filter(([, kept]) => !kept)]) look();
  }

  return {
    async submit({ images, priority = 'online', signal }) {
      refuseAborted(signal);
      if (images.length === 0) return [];
      const before = waiting.images[priority];
      if (before > 0 && before + images.length > bounds[priority]) {
        meter.refused[priority] += images.length;
        throw overloaded(images.length, before, bounds[priority], meter);
      }
      const since = clock();
      const job = new Job({ images, priority, since });
      const onAbort = (): void => {
        meter.dropped[priority] += waiting.end(job, whyAborted(signal!));
      };
      signal?.addEventListener('abort', onAbort);
      if (priority === 'online') lastOnline = since;
      waiting.add(job);
      wake();
      try {
        return await job.results;
      } finally {
        signal?.removeEventListener('abort', onAbort);
      }
    },

    async take(options) {
      const { signal } = options;
      idle += 1;
      while (!signal.aborted) {
        const found = next(options);
        if (typeof found === 'object') {
          idle -= 1;
          return found;
        }
        await new Promise<void>((resolve) => {
          const timer = found === undefined ? undefined : setTimeout(() => look(), found);
          const look = (): void => {
            clearTimeout(timer);
            signal.removeEventListener('abort', look);
            takers.delete(look);
            resolve();
          };
          takers.set(look, options.kept === true);
          signal.addEventListener('abort', look);
        });
      }
      idle -= 1;
      return undefined;
    },

    fail: (error) => waiting.endAll(error),

    stats: () => ({ waiting: { ...waiting.images }, ...meter.stats() }),
  };
}

function overloaded(images: number, queued: number, limit: number, meter: Meter): AttractorError {
  const free = Math.max(0, limit - queued);
  return new AttractorError(
    'overloaded',
    `images: expected at most ${free} more images (${limit} may wait), received ${images}`,
    {
      field: 'images',
      expected: `at most ${free}`,
      received: String(images),
      // When the half of what waits is done there is room for many, not for one.
      retryAfter: meter.secondsFor(queued / 2 + images),
    },
  );
}
