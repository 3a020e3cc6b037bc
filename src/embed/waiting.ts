// The images that wait, request by request: which were handed out, which are to be tried again, and when a request is over.
// Which goes next is queue.ts.

import type { AttractorError } from '../errors/error.ts';
import type { EmbedImage, EmbedPriority, EmbedResult } from './embedder.ts';

/** One request. */
export class Job {
  readonly images: readonly EmbedImage[];
  readonly priority: EmbedPriority;
  readonly since: number;
  /** Settles when every image has a result. */
  readonly results: Promise<EmbedResult[]>;
  /** First image that was not handed out yet. */
  next = 0;
  closed = false;
  settle!: { resolve: (results: EmbedResult[]) => void; reject: (error: AttractorError) => void };
  readonly #found: EmbedResult[];
  /** Images without a result yet. */
  #left: number;

  constructor(options: { images: readonly EmbedImage[]; priority: EmbedPriority; since: number }) {
    this.images = options.images;
    this.priority = options.priority;
    this.since = options.since;
    this.results = new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
    });
    this.#found = new Array(this.images.length);
    this.#left = this.images.length;
  }

  finish(index: number, result: EmbedResult): void {
    if (this.closed) return;
    this.#found[index] = result;
    this.#left -= 1;
    if (this.#left > 0) return;
    this.closed = true;
    this.settle.resolve(this.#found);
  }
}

/** One image that was handed out. */
export interface Ticket {
  readonly job: Job;
  readonly index: number;
}

export class Waiting {
  /** How many images were not handed out yet. */
  readonly images: Record<EmbedPriority, number> = { online: 0, bulk: 0 };
  readonly #jobs: Record<EmbedPriority, Job[]> = { online: [], bulk: [] };
  #again: Ticket[] = [];

  add(job: Job): void {
    this.images[job.priority] += job.images.length;
    this.#jobs[job.priority].push(job);
  }

  /** The request that came first. */
  first(priority: EmbedPriority): Job | undefined {
    return this.#jobs[priority][0];
  }

  /** Hands out the next ones, in order. */
  cut(priority: EmbedPriority, max: number): Ticket[] {
    const jobs = this.#jobs[priority];
    const tickets: Ticket[] = [];
    while (tickets.length < max && jobs.length > 0) {
      const job = jobs[0]!;
      tickets.push({ job, index: job.next++ });
      if (job.next === job.images.length) jobs.shift();
    }
    this.images[priority] -= tickets.length;
    return tickets;
  }

  tryAgain(tickets: readonly Ticket[]): void {
    this.#again.push(...tickets);
  }

  /** One that is to be tried again. */
  again(): Ticket | undefined {
    let ticket = this.#again.shift();
    while (ticket?.job.closed) ticket = this.#again.shift();
    return ticket;
  }

  /** Ends a request; how many of its images were not handed out. */
  end(job: Job, error: AttractorError): number {
    if (job.closed) return 0;
    const left = job.images.length - job.next;
    this.images[job.priority] -= left;
    job.closed = true;
    const jobs = this.#jobs[job.priority];
    const at = jobs.indexOf(job);
    if (at >= 0) jobs.splice(at, 1);
    job.settle.reject(error);
    return left;
  }

  /** Ends all requests that have an image here. */
  endAll(error: AttractorError): void {
    const jobs = [...this.#jobs.online, ...this.#jobs.bulk, ...this.#again.map(({ job }) => job)];
    for (const job of jobs) this.end(job, error);
    this.#again = [];
  }
}
