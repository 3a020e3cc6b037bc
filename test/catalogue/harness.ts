// A catalogue in a folder of its own, with a deterministic embedder and a log that can be read.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CatalogueOptions, openCatalogue } from '../../src/catalogue/catalogue.ts';
import type { Catalogue } from '../../src/catalogue/types.ts';
import { AttractorError } from '../../src/errors/error.ts';
import { ByteEmbedder } from '../reference/byte-embedder.ts';

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

export class Harness {
  readonly directory = mkdtempSync(join(tmpdir(), 'attractor-catalogue-'));
  readonly log: LogLine[] = [];
  embedder = new ByteEmbedder();
  #opened: Catalogue | undefined;

  async open(options: Partial<CatalogueOptions> = {}): Promise<Catalogue> {
    const write = (level: LogLine['level']) => (fields: object, message: string) => {
      this.log.push({ level, message, fields: fields as Record<string, unknown> });
    };
    let now = 0;
    this.#opened = await openCatalogue({
      directory: this.directory,
      models: async (name) => {
        if (name !== 'bytes') throw new AttractorError('model_not_found', `no model ${name}`);
        return { name, fingerprint: this.embedder.fingerprint, dimension: this.embedder.dimension };
      },
      embedderFor: async () => this.embedder,
      defaultModel: 'bytes',
      logger: { info: write('info'), warn: write('warn'), error: write('error') },
      clock: () => now++,
      ...options,
      // So that a hundred vectors are worth a graph.
      hnsw: { from: 100, ...options.hnsw },
    });
    return this.#opened;
  }

  async reopen(options: Partial<CatalogueOptions> = {}): Promise<Catalogue> {
    await this.#opened?.close();
    return this.open(options);
  }

  async dispose(): Promise<void> {
    await this.#opened?.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

/** Lets everything that waits for nothing but a turn of the event loop go on, up to what `until` waits for. */
export async function eventually(until: () => boolean): Promise<void> {
  for (let i = 0; i < 2000 && !until(); i++) await new Promise((resolve) => setTimeout(resolve, 2));
  if (!until()) throw new Error(`never happened: ${until}`);
}
