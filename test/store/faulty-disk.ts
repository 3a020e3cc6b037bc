// A disk that fails at its n-th operation, or at whose n-th sync the power goes: then all that was not synced may be lost, bytes and
// names. On the real file system, whose losses are made by hand: what was written is cut off, what was named is taken back.

import { existsSync, mkdtempSync, renameSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { type Disk, type DiskFile, disk, inOurWords, told } from '../../src/store/disk.ts';

export interface Faults {
  /** The operation that fails, from 1, and how. A write that fails has written half. */
  readonly failAt?: number;
  readonly code?: 'ENOSPC' | 'EIO';
  /** The sync that the power goes at, from 1: it and all after it do nothing but throw. */
  readonly freezeAt?: number;
}

/** A name that was made, moved or taken away, and is not synced. */
interface Change {
  path: string;
  undo(path: string): void;
  /** Of a move: where from. */
  readonly from?: string;
}

/** Where `path` is once `from` is `to`. */
const moved = (path: string, from: string, to: string) =>
  path === from || path.startsWith(`${from}/`) ? to + path.slice(from.length) : path;

export class FaultyDisk implements Disk {
  readonly #faults: Faults;
  /** What was taken away, for as long as it may come back. */
  readonly #limbo = mkdtempSync(join(tmpdir(), 'attractor-limbo-'));
  #operations = 0;
  #syncs = 0;
  #frozen = false;
  #unsynced = new Set<string>();
  #changes: Change[] = [];

  constructor(faults: Faults = {}) {
    this.#faults = faults;
  }

  /** Whether the fault has been met. */
  get hit(): boolean {
    return this.#frozen || this.#operations >= (this.#faults.failAt ?? Number.POSITIVE_INFINITY);
  }

  /** Changes of names that were not synced. */
  get pending(): number {
    return this.#changes.length;
  }

  /** Bytes that were not synced are cut in half. Of the names that were not, the first `kept` changes stay. */
  loseWhatWasNotSynced(kept: number): void {
    for (const path of this.#unsynced) {
      if (existsSync(path)) truncateSync(path, Math.floor(statSync(path).size / 2));
    }
    for (const { undo, path } of this.#changes.slice(kept).reverse()) undo(path);
  }

  dispose(): void {
    rmSync(this.#limbo, { recursive: true });
  }

  open(path: string, how: 'w' | 'wx' | 'a'): Promise<DiskFile> {
    return this.#step(path, async () => {
      const before = existsSync(path);
      const file = await disk.open(path, how);
      this.#unsynced.add(path);
      if (!before) this.#changed(path, (made) => rmSync(made, { force: true }));
      return {
        write: (content) =>
          this.#step(
            path,
            () => file.write(content),
            () => file.write(content.slice(0, content.length >> 1)),
          ),
        sync: () =>
          this.#sync(path, async () => {
            await file.sync();
            this.#unsynced.delete(path);
          }),
        close: () => file.close(),
      };
    });
  }

  async makeFolder(path: string): Promise<string | undefined> {
    if (existsSync(path)) return undefined;
    const first = await this.makeFolder(dirname(path));
    await this.#step(path, () => disk.makeFolder(path));
    this.#changed(path, (made) => rmSync(made, { recursive: true, force: true }));
    await this.syncFolder(dirname(path));
    return first ?? path;
  }

  makeDraft(prefix: string): Promise<string> {
    return this.#step(prefix, async () => {
      const path = await disk.makeDraft(prefix);
      this.#changed(path, (made) => rmSync(made, { recursive: true, force: true }));
      return path;
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#step(to, async () => this.#move(from, to));
  }

  renameNow(from: string, to: string): void {
    try {
      this.#count();
      this.#move(from, to);
      this.#power();
      this.#synced(dirname(to));
    } catch (error) {
      throw inOurWords(to, error);
    }
  }

  remove(path: string): Promise<void> {
    return this.#step(path, async () => {
      if (existsSync(path)) this.#take(path);
    });
  }

  syncFolder(path: string): Promise<void> {
    return this.#sync(path, async () => this.#synced(path));
  }

  #move(from: string, to: string): void {
    // A name that is moved over another: one change.
    const over = existsSync(to) ? this.#limboOf(to) : undefined;
    if (over) renameSync(to, over);
    renameSync(from, to);
    this.#renamed(from, to);
    const undo = () => {
      renameSync(to, from);
      if (over) renameSync(over, to);
    };
    this.#changed(to, undo, from);
  }

  #take(path: string): void {
    const away = this.#limboOf(path);
    renameSync(path, away);
    this.#renamed(path, away);
    this.#changed(path, () => renameSync(away, path));
  }

  #limboOf(path: string): string {
    return join(mkdtempSync(join(this.#limbo, 'one-')), basename(path));
  }

  #renamed(from: string, to: string): void {
    this.#unsynced = new Set([...this.#unsynced].map((path) => moved(path, from, to)));
  }

  #changed(path: string, undo: Change['undo'], from?: string): void {
    this.#changes.push({ path, undo, from });
  }

  #synced(folder: string): void {
    const stays = this.#changes.filter(({ path }) => dirname(path) !== folder);
    // What was moved for good is taken back where it is now.
    for (const { from, path: to } of this.#changes.filter((change) => !stays.includes(change))) {
      if (from) for (const change of stays) change.path = moved(change.path, from, to);
    }
    this.#changes = stays;
  }

  #sync(path: string, work: () => Promise<void>): Promise<void> {
    return this.#step(path, async () => {
      this.#power();
      await work();
    });
  }

  #power(): void {
    this.#frozen ||= ++this.#syncs === this.#faults.freezeAt;
    if (this.#frozen) throw new Error('the power is gone');
  }

  /** As the real disk says it. `half` is done where the step fails. */
  #step<T>(path: string, work: () => Promise<T>, half?: () => Promise<unknown>): Promise<T> {
    return told(path, async () => {
      try {
        this.#count();
      } catch (error) {
        if (!this.#frozen) await half?.();
        throw error;
      }
      return work();
    });
  }

  #count(): void {
    if (this.#frozen) throw new Error('the power is gone');
    const { failAt, code = 'EIO' } = this.#faults;
    if (++this.#operations === failAt) throw Object.assign(new Error(`${code}: as it was told`), { code });
  }
}
