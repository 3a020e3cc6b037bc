// What the embedder has done and how fast: counters for metrics, and the estimate behind Retry-After. Decides nothing.

import type { EmbedPriority } from './embedder.ts';

type ByPriority = Readonly<Record<EmbedPriority, number>>;

/** Counters are since the start. */
export interface QueueStats {
  /** Images that wait now. */
  readonly waiting: ByPriority;
  /** Images that processes have now. */
  readonly underWay: number;
  /** Images that have a result; an image that could not be read counts too. */
  readonly images: ByPriority;
  /** Batches that were handed out, by their size in images. */
  readonly batches: ReadonlyMap<number, number>;
  /** Milliseconds that the images of these batches waited before, all together. */
  readonly waited: ByPriority;
  /** Milliseconds that processes had these batches, all together. */
  readonly worked: ByPriority;
  /** Images that found the queue full. */
  readonly refused: ByPriority;
  /** Images whose caller left, or whose deadline passed, before they were handed out. */
  readonly dropped: ByPriority;
  /** Milliseconds of one process for one image, of late; undefined before the first batch. */
  readonly pace: number | undefined;
}

/** Weight of the newest batch in the pace. */
const NEWEST = 0.1;

const zero = (): Record<EmbedPriority, number> => ({ online: 0, bulk: 0 });

export class Meter {
  readonly images = zero();
  readonly batches = new Map<number, number>();
  readonly waited = zero();
  readonly worked = zero();
  readonly refused = zero();
  readonly dropped = zero();
  underWay = 0;
  pace: number | undefined;
  #busy = 0;

  /** `waited`: of its images, all together. */
  handedOut(batch: { size: number; priority: EmbedPriority; waited: number }): void {
    this.batches.set(batch.size, (this.batches.get(batch.size) ?? 0) + 1);
    this.waited[batch.priority] += batch.waited;
    this.underWay += batch.size;
    this.#busy += 1;
  }

  /** A batch came back after `took` milliseconds, with results or without. */
  back(batch: { size: number; priority: EmbedPriority; took: number; done: boolean }): void {
    const { size, priority, took } = batch;
    this.underWay -= size;
    this.#busy -= 1;
    this.worked[priority] += took;
    if (!batch.done) return;
    this.images[priority] += size;
    const pace = took / size;
    this.pace = this.pace === undefined ? pace : this.pace + NEWEST * (pace - this.pace);
  }

  /** Seconds until `images` more have been handed out, by the pace of late; undefined while there is none. */
  secondsFor(images: number): number | undefined {
    if (this.pace === undefined) return undefined;
    return (images * this.pace) / Math.max(1, this.#busy) / 1000;
  }

  /** As it is now. */
  stats(): Omit<QueueStats, 'waiting'> {
    return {
      underWay: this.underWay,
      images: { ...this.images },
      batches: new Map(this.batches),
      waited: { ...this.waited },
      worked: { ...this.worked },
      refused: { ...this.refused },
      dropped: { ...this.dropped },
      pace: this.pace,
    };
  }
}
