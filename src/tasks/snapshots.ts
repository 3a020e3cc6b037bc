// The snapshots of a server: files in one folder of its data folder, made by tasks, listed, read and deleted by name.

import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { AttractorError } from '../errors/error.ts';
import { snapshotInProcess } from './snapshot-process.ts';
import type { TaskKind } from './task.ts';

/** What a name is made of: there is no path in it. */
const NAME = /^[0-9A-Za-z][0-9A-Za-z_-]{0,99}\.snapshot$/;

export interface SnapshotFile {
  readonly name: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export class Snapshots {
  readonly #directory: string;

  /** Removes what is left of one that was cut off. */
  constructor(options: { directory: string }) {
    this.#directory = options.directory;
    mkdirSync(options.directory, { recursive: true });
    for (const file of readdirSync(options.directory)) {
      if (/\.snapshot\.partial(-journal)?$/.test(file)) rmSync(join(options.directory, file));
    }
  }

  /** Newest first. */
  list(): SnapshotFile[] {
    return readdirSync(this.#directory)
      .filter((name) => NAME.test(name))
      .map((name) => this.find(name))
      .sort((a, b) => b.createdAt - a.createdAt || (a.name < b.name ? 1 : -1));
  }

  /** Throws `snapshot_not_found`. */
  find(name: string): SnapshotFile & { path: string } {
    const path = join(this.#directory, name);
    const info = NAME.test(name) ? statSync(path, { throwIfNoEntry: false }) : undefined;
    if (!info?.isFile()) {
      throw new AttractorError('snapshot_not_found', `There is no snapshot "${name.slice(0, 100)}".`, {
        field: 'name',
      });
    }
    return { name, bytes: info.size, createdAt: Math.round(info.mtimeMs), path };
  }

  /** Throws `snapshot_not_found`. */
  delete(name: string): void {
    rmSync(this.find(name).path);
  }

  /** Its details: the name of the file, its length and the SHA-256 of the store in it. */
  task(options: { data: string }): TaskKind {
    return {
      run: async ({ row, signal, progress }) => {
        progress({ done: 0, total: 1 });
        const name = `${new Date(row.enqueuedAt).toISOString().replace(/[-:]|\.\d+/g, '')}-${row.uid}.snapshot`;
        const path = join(this.#directory, name);
        // Whole, from a run that was cut off before it could be noted; this one is newer.
        rmSync(path, { force: true });
        const { bytes, sha256 } = await snapshotInProcess({ directory: options.data, path, signal });
        progress({ done: 1, total: 1 });
        return { name, bytes, sha256 };
      },
    };
  }
}
