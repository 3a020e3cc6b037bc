// What ends a request's work early: the client leaves, or its deadline passes. Knows neither.

import { setMaxListeners } from 'node:events';
import type { QueryOptions } from '../../src/catalogue/types.ts';
import type { AttractorError } from '../../src/errors/error.ts';

/** An AbortController that is made when it is first needed: Node makes one by setting a prototype, a tenth of a vector query. */
export class Stop {
  #controller?: AbortController;

  /** Aborted already where this was stopped before. */
  get signal(): AbortSignal {
    return this.#made.signal;
  }

  /** Of many reasons the first counts. */
  abort(reason?: AttractorError): void {
    this.#made.abort(reason);
  }

  /** Undefined for a query that waits for nothing and was not stopped yet: it is answered before it could be. */
  signalOf({ by, filter, why }: Pick<QueryOptions, 'by' | 'filter' | 'why'>): AbortSignal | undefined {
    const waits = 'image' in by || 'recommend' in by || filter !== undefined || why !== undefined;
    return waits ? this.signal : this.#controller?.signal;
  }

  get #made(): AbortController {
    if (this.#controller) return this.#controller;
    this.#controller = new AbortController();
    // One call may wait for hundreds of images by URL.
    setMaxListeners(0, this.#controller.signal);
    return this.#controller;
  }
}
