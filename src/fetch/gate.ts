// How many fetches run at once: in all, and from one host. The others wait in order, up to a number.

import { AttractorError } from '../errors/error.ts';

interface Waiting {
  readonly host: string;
  enter(): void;
}

export class Gate {
  readonly #total: number;
  readonly #perHost: number;
  readonly #mostWaiting: number;
  readonly #running = new Map<string, number>();
  readonly #waiting = new Set<Waiting>();
  #count = 0;

  constructor(options: { total: number; perHost: number; waiting: number }) {
    this.#total = options.total;
    this.#perHost = options.perHost;
    this.#mostWaiting = options.waiting;
  }

  /** Throws `overloaded` where too many wait already, and the signal's reason where it fires before the turn comes. */
  async run<T>(host: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    if (this.#fits(host)) this.#take(host);
    else await this.#turn(host, signal);
    try {
      return await work();
    } finally {
      this.#leave(host);
    }
  }

  #turn(host: string, signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= this.#mostWaiting) {
      throw new AttractorError('overloaded', 'More URLs are waiting to be fetched than this server takes.');
    }
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting.delete(one);
        reject(signal.reason);
      };
      const one: Waiting = {
        host,
        enter: () => {
          signal.removeEventListener('abort', leave);
          this.#waiting.delete(one);
          this.#take(host);
          resolve();
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.add(one);
    });
  }

  #leave(host: string): void {
    const left = this.#running.get(host)! - 1;
    if (left === 0) this.#running.delete(host);
    else this.#running.set(host, left);
    this.#count--;
    for (const one of this.#waiting) {
      if (this.#count >= this.#total) return;
      if (this.#fits(one.host)) one.enter();
    }
  }

  #fits(host: string): boolean {
    return this.#count < this.#total && (this.#running.get(host) ?? 0) < this.#perHost;
  }

  #take(host: string): void {
    this.#running.set(host, (this.#running.get(host) ?? 0) + 1);
    this.#count++;
  }
}
