// Bodies of imports on their way to disk: written whole before the first row is read, so that a client may send all of it
// before it reads an answer, and what is missing at the end is seen before anything is written to a collection.

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { AttractorError, refuseAborted } from '../errors/error.ts';
import { type Disk, disk as realDisk } from '../store/disk.ts';
import type { Body, BodyFormat } from './body.ts';

const PARTIAL = '.part';

export class Incoming {
  readonly #directory: string;
  readonly #disk: Disk;
  #next = 0;

  /** Removes what is of no use any more: bodies that never arrived whole, and those whose task `keeps` does not know. */
  constructor(options: { directory: string; keeps: (uid: number) => boolean; disk?: Disk }) {
    const { directory, keeps, disk = realDisk } = options;
    this.#directory = directory;
    this.#disk = disk;
    mkdirSync(directory, { recursive: true });
    for (const file of readdirSync(directory)) {
      const uid = /^(\d+)\.rows$/.exec(file)?.[1];
      if (file.endsWith(PARTIAL) || (uid && !keeps(Number(uid)))) rmSync(join(directory, file));
    }
  }

  /** Throws `body_too_large`, `store_full` or what the signal says, and leaves nothing then. */
  async receive(options: {
    chunks: AsyncIterable<Uint8Array>;
    format: BodyFormat;
    maxBytes: number;
    signal: AbortSignal;
  }): Promise<Body> {
    const { chunks, format, maxBytes, signal } = options;
    const path = join(this.#directory, `${this.#next++}${PARTIAL}`);
    const file = await this.#disk.open(path, 'w');
    try {
      const hash = createHash('sha256');
      let bytes = 0;
      for await (const chunk of chunks) {
        refuseAborted(signal);
        bytes += chunk.length;
        if (bytes > maxBytes) {
          const expected = `at most ${maxBytes} bytes`;
          const message = `body: expected ${expected}, received more`;
          throw new AttractorError('body_too_large', message, { field: 'body', expected, received: 'more' });
        }
        hash.update(chunk);
        await file.write(chunk);
      }
      await file.sync();
      return { path, format, bytes, sha256: hash.digest('hex') };
    } catch (error) {
      rmSync(path, { force: true });
      throw error;
    } finally {
      await file.close();
    }
  }

  /** Gives a body its last name, for good: a task must not be without its rows. */
  settle(body: Body, path: string): void {
    this.#disk.renameNow(body.path, path);
  }

  discard(body: Body): void {
    rmSync(body.path, { force: true });
  }
}
