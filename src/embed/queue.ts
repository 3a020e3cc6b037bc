// Which image is embedded next: two priorities, batches across requests, a bound on what may wait, cancellation, and
// a second try for images whose process died. Pure bookkeeping: knows nothing of processes.

import { AttractorError } from '../errors/error.ts';
import type { EmbedRequest, EmbedResult } from './embedder.ts';

interface Job {
  readonly images: readonly Uint8Array[];
  readonly online: boolean;
  readonly results: EmbedResult[];
  /** First image that was not handed out yet. */
  next: number;
  /** Images without a result yet. */
  left: number;
  closed: boolean;
  readonly resolve: (results: EmbedResult[]) => void;
  readonly reject: (error: AttractorError) => void;
}

/** One image that was handed out. */
interface Ticket {
  readonly job: Job;
  readonly index: number;
}

export interface Batch {
  readonly images: readonly Uint8Array[];
  /** One result per image. */
  done(results: readonly EmbedResult[]): void;
  /** The process died over this batch: each image is tried once more, alone, so that one bad image cannot take others with it. */
  crashed(error: AttractorError): void;
}

export interface BatchQueue {
  /** Settles when every image has a result. Throws `overloaded`, `aborted`, or what `fail` was given. */
  submit(request: EmbedRequest): Promise<EmbedResult[]>;
  /** Waits for work: up to `max` images of one priority. Undefined once `signal` aborts. */
  take(options: { max: number; signal: AbortSignal }): Promise<Batch | undefined>;
  /** Ends every request that still waits for an image to be handed out or tried again. */
  fail(error: AttractorError): void;
}

/**
 * `maxOnline` bounds the online images that wait; a request that would go over it is refused whole. Bulk requests
 * are not bounded: a waiting image is a reference to bytes that its caller holds anyway.
 */
export function createBatchQueue({ maxOnline }: { maxOnline: number }): BatchQueue {
  const retries: Ticket[] = [];
  const waiting = { online: [] as Job[], bulk: [] as Job[] };
  const takers = new Set<() => void>();
  let onlineImages = 0;

  const waitingLike = (job: Job): Job[] => (job.online ? waiting.online : waiting.bulk);

  function close(job: Job): void {
    if (job.online) onlineImages -= job.images.length - job.next;
    job.closed = true;
    const list = waitingLike(job);
    const at = list.indexOf(job);
    if (at >= 0) list.splice(at, 1);
  }

  function finish({ job, index }: Ticket, result: EmbedResult): void {
    if (job.closed) return;
    job.results[index] = result;
    job.left -= 1;
    if (job.left > 0) return;
    job.closed = true;
    job.resolve(job.results);
  }

  /**
   * The next images in order: a retry alone, else online, else bulk. A batch never mixes priorities, so that no
   * query waits for an import's images beside it.
   */
  function next(max: number): Batch | undefined {
    for (let retry = retries.shift(); retry !== undefined; retry = retries.shift()) {
      if (!retry.job.closed) return batchOf([retry], true);
    }
    const list = waiting.online.length > 0 ? waiting.online : waiting.bulk;
    const tickets: Ticket[] = [];
    while (tickets.length < max && list.length > 0) {
      const job = list[0]!;
      tickets.push({ job, index: job.next++ });
      if (job.online) onlineImages -= 1;
      if (job.next === job.images.length) list.shift();
    }
    return tickets.length > 0 ? batchOf(tickets, false) : undefined;
  }

  function batchOf(tickets: readonly Ticket[], retried: boolean): Batch {
    return {
      images: tickets.map(({ job, index }) => job.images[index]!),
      done: (results) => {
        for (const [i, ticket] of tickets.entries()) finish(ticket, results[i]!);
      },
      crashed: (error) => {
        if (retried) for (const ticket of tickets) finish(ticket, { error });
        else retries.push(...tickets);
        wake();
      },
    };
  }

  /** Lets the takers look again, in the order in which they came. */
  function wake(): void {
    for (const look of [...takers]) look();
  }

  return {
    submit({ images, priority = 'online', signal }) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(aborted());
        if (images.length === 0) return resolve([]);
        const online = priority === 'online';
        if (online && onlineImages + images.length > maxOnline)
          return reject(overloaded(images.length, onlineImages, maxOnline));
        const onAbort = (): void => {
          close(job);
          job.reject(aborted());
        };
        const settled =
          <T>(settle: (value: T) => void) =>
          (value: T): void => {
            signal?.removeEventListener('abort', onAbort);
            settle(value);
          };
        const job: Job = {
          images,
          online,
          results: new Array(images.length),
          next: 0,
          left: images.length,
          closed: false,
          resolve: settled(resolve),
          reject: settled(reject),
        };
        signal?.addEventListener('abort', onAbort);
        if (online) onlineImages += images.length;
        waitingLike(job).push(job);
        wake();
      });
    },

    async take({ max, signal }) {
      while (!signal.aborted) {
        const batch = next(max);
        if (batch) return batch;
        await new Promise<void>((resolve) => {
          const look = (): void => {
            signal.removeEventListener('abort', look);
            takers.delete(look);
            resolve();
          };
          takers.add(look);
          signal.addEventListener('abort', look);
        });
      }
      return undefined;
    },

    fail(error) {
      const jobs = [...waiting.online, ...waiting.bulk, ...retries.map(({ job }) => job)];
      for (const job of new Set(jobs)) {
        if (job.closed) continue;
        close(job);
        job.reject(error);
      }
      retries.length = 0;
    },
  };
}

const aborted = (): AttractorError => new AttractorError('aborted', 'The request was cancelled.');

function overloaded(images: number, queued: number, limit: number): AttractorError {
  return new AttractorError(
    'overloaded',
    `images: expected at most ${limit - queued} more images (${limit} may wait), received ${images}`,
    { field: 'images', expected: `at most ${limit - queued}`, received: String(images) },
  );
}
