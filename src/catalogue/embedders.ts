// The embedders of a catalogue, by model: each is started when it is first asked for, and once.

import type { Embedder } from '../embed/embedder.ts';

export class Embedders {
  readonly #start: (model: string) => Promise<Embedder>;
  readonly #started = new Map<string, Promise<Embedder>>();

  constructor(start: (model: string) => Promise<Embedder>) {
    this.#start = start;
  }

  get(model: string): Promise<Embedder> {
    let embedder = this.#started.get(model);
    if (!embedder) {
      embedder = this.#start(model);
      this.#started.set(model, embedder);
      // A start that failed may succeed next time.
      embedder.catch(() => this.#started.delete(model));
    }
    return embedder;
  }

  async close(): Promise<void> {
    for (const embedder of this.#started.values()) await (await embedder.catch(() => undefined))?.close();
  }
}
