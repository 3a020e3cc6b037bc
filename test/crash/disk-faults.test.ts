// Every write of our own against a disk that fails at any of its operations, and one whose power goes at any sync: what is there
// afterwards is whole, the old or the new, and a failure is told. SQLite's writes are SQLite's: full-disk.test.ts fills a real disk.

import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HnswIndex } from '../../src/index/hnsw.ts';
import { loadIndex, publishIndex } from '../../src/index/index-file.ts';
import { createRng } from '../../src/math/rng.ts';
import { loadModel } from '../../src/model/load.ts';
import type { Disk } from '../../src/store/disk.ts';
import { restoreSnapshot, takeSnapshot } from '../../src/store/snapshot.ts';
import { openStore, STORE_FILE } from '../../src/store/store.ts';
import { Incoming } from '../../src/tasks/incoming.ts';
import { saveTinyModel } from '../embed/model.ts';
import { build, identity } from '../index/build.ts';
import { randomUnit } from '../reference/nearest.ts';
import { type Faults, FaultyDisk } from '../store/faulty-disk.ts';

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'attractor-faults-'));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

interface Subject {
  /** Makes the old state, once. */
  prepare(folder: string): Promise<void>;
  change(folder: string, disk: Disk): Promise<unknown>;
  /** What is found afterwards; throws for what must not be. */
  state(folder: string): Promise<string>;
  /** Besides old and new. */
  readonly alsoGood?: readonly string[];
  /** Error codes of a full disk. Default store_full. */
  readonly full?: string;
}

/** One change on a fresh copy of the old state. */
async function attempt(subject: Subject, faults: Faults, kept?: number) {
  const folder = mkdtempSync(join(home, 'one-'));
  cpSync(join(home, 'old'), folder, { recursive: true });
  const disk = new FaultyDisk(faults);
  const sound = new FaultyDisk();
  try {
    const error: unknown = await subject.change(folder, disk).then(
      () => undefined,
      (reason) => reason,
    );
    const { hit, pending } = disk;
    if (kept !== undefined) disk.loseWhatWasNotSynced(kept);
    const state = await subject.state(folder);
    // What a crash left over is in no one's way.
    if (state !== 'new') {
      await subject.change(folder, sound);
      expect(await subject.state(folder)).toBe('new');
    }
    return { error, hit, pending, state };
  } finally {
    for (const each of [disk, sound]) each.dispose();
    rmSync(folder, { recursive: true });
  }
}

async function holds(subject: Subject): Promise<void> {
  rmSync(join(home, 'old'), { recursive: true, force: true });
  cpSync(mkdtempSync(join(home, 'empty-')), join(home, 'old'), { recursive: true });
  await subject.prepare(join(home, 'old'));
  expect(await subject.state(join(home, 'old'))).toBe('old');
  // Without a fault all is synced when it resolves.
  expect(await attempt(subject, {}, 0)).toMatchObject({ error: undefined, state: 'new' });

  const good = ['old', 'new', ...(subject.alsoGood ?? [])];
  for (const code of ['ENOSPC', 'EIO'] as const) {
    for (let failAt = 1; ; failAt++) {
      const { error, hit, state } = await attempt(subject, { failAt, code });
      if (!hit) {
        expect(failAt).toBeGreaterThan(3);
        break;
      }
      const where = `${code} at operation ${failAt}: ${error}`;
      expect(good, where).toContain(state);
      if (state !== 'new') expect(error, where).toBeInstanceOf(Error);
      if (error && code === 'ENOSPC')
        expect(error, where).toMatchObject({ code: subject.full ?? 'store_full' });
    }
  }
  for (let freezeAt = 1; ; freezeAt++) {
    const { hit, pending } = await attempt(subject, { freezeAt });
    if (!hit) {
      expect(freezeAt).toBeGreaterThan(1);
      return;
    }
    for (let kept = 0; kept <= pending; kept++) {
      const { state } = await attempt(subject, { freezeAt }, kept);
      expect(good, `power gone at sync ${freezeAt}, ${kept} of ${pending} names kept`).toContain(state);
    }
  }
}

const D = 6;

function indexOf(slots: number): HnswIndex {
  const rng = createRng(4);
  const index = new HnswIndex({ dimension: D, m: 6, efConstruction: 40 });
  for (let slot = 0; slot < slots; slot++) index.add({ slot, vector: randomUnit(rng, D) });
  return index;
}

function storeOf(directory: string, names: readonly string[]): void {
  const store = openStore({ directory });
  for (const name of names) {
    store.createCollection({ name, model: 'm', fingerprint: 'sha256:aa', dimension: D, metric: 'cosine' });
  }
  store.close();
}

function namesIn(directory: string): string[] {
  const store = openStore({ directory });
  try {
    return store.collections().map(({ name }) => name);
  } finally {
    store.close();
  }
}

describe('whole, whatever the disk does', { timeout: 120_000 }, () => {
  test('a graph that takes the place of another', async () => {
    const path = (folder: string) => join(folder, '3.hnsw');
    await holds({
      prepare: async (folder) => {
        await build({ index: indexOf(60), path: path(folder) });
        // What the child process leaves: the next graph.
        await build({ index: indexOf(90), path: join(folder, 'next') });
      },
      change: async (folder, disk) => {
        const built = `${path(folder)}.tmp`;
        cpSync(join(folder, 'next'), built);
        const index = indexOf(90);
        await publishIndex({ path: path(folder), built, index, identity, rows: 90, through: 89, disk });
      },
      state: async (folder) => {
        const index = indexOf(90);
        return loadIndex({ path: path(folder), index, identity, nextSlot: 90 }).then(
          ({ through }) => (through === 89 ? 'new' : 'old'),
          ({ code }) => `refused: ${code}`,
        );
      },
      // It is built again from the store.
      alsoGood: ['refused: index_invalid'],
      full: 'index_invalid',
    });
  });

  test('a snapshot', async () => {
    await holds({
      prepare: async (folder) => storeOf(join(folder, 'data'), ['one', 'two']),
      change: (folder, disk) =>
        takeSnapshot({ directory: join(folder, 'data'), path: join(folder, 'shop.snapshot'), disk }),
      state: async (folder) => {
        const path = join(folder, 'shop.snapshot');
        if (!existsSync(path)) return 'old';
        const directory = mkdtempSync(join(folder, 'restored-'));
        await restoreSnapshot({ path, directory });
        expect(namesIn(directory)).toEqual(['one', 'two']);
        return 'new';
      },
    });
  });

  test('a restored folder', async () => {
    await holds({
      prepare: async (folder) => {
        storeOf(join(folder, 'data'), ['one', 'two']);
        await takeSnapshot({ directory: join(folder, 'data'), path: join(folder, 'shop.snapshot') });
      },
      change: (folder, disk) =>
        restoreSnapshot({ path: join(folder, 'shop.snapshot'), directory: join(folder, 'new/data'), disk }),
      state: async (folder) => {
        const directory = join(folder, 'new/data');
        if (!existsSync(join(directory, STORE_FILE))) return 'old';
        expect(namesIn(directory)).toEqual(['one', 'two']);
        return 'new';
      },
    });
  });

  describe('a model', () => {
    const save = (folder: string, scale: number, disk?: Disk) =>
      saveTinyModel({ scale, folder: join(folder, 'models/shop'), disk });

    test('that is new', async () => {
      await holds({
        prepare: async () => {},
        change: (folder, disk) => save(folder, 2, disk),
        state: (folder) =>
          loadModel({ directory: join(folder, 'models/shop') }).then(
            () => 'new',
            (error) => {
              expect(error).toMatchObject({ code: 'model_not_found' });
              return 'old';
            },
          ),
      });
    });

    test('that takes the place of another', async () => {
      const fingerprints: string[] = [];
      for (const scale of [1, 2]) {
        const directory = await save(join(home, `${scale}`), scale);
        fingerprints.push((await loadModel({ directory })).fingerprint);
      }
      await holds({
        prepare: async (folder) => {
          await save(folder, 1);
        },
        change: (folder, disk) => save(folder, 2, disk),
        state: async (folder) => {
          const load = (directory: string) => loadModel({ directory });
          const name = await load(join(folder, 'models/shop')).then(
            ({ fingerprint }) => fingerprint,
            async ({ message }) => {
              // Between its two renames: the message says where the old one is.
              const [, aside] = /: (\S+) is the model as it was before/.exec(message)!;
              expect((await load(aside!)).fingerprint).toBe(fingerprints[0]);
              return 'aside';
            },
          );
          return name === 'aside' ? name : ['old', 'new'][fingerprints.indexOf(name)]!;
        },
        alsoGood: ['aside'],
      });
    });
  });

  test('the body of an import', async () => {
    const bytes = Buffer.alloc(5000, 'row\n');
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    await holds({
      prepare: async () => {},
      change: async (folder, disk) => {
        const incoming = new Incoming({ directory: folder, keeps: () => true, disk });
        const body = await incoming.receive({
          chunks: (async function* () {
            for (let at = 0; at < bytes.length; at += 1024) yield bytes.subarray(at, at + 1024);
          })(),
          format: 'jsonl',
          maxBytes: 1e6,
          signal: new AbortController().signal,
        });
        incoming.settle(body, join(folder, '7.rows'));
        return body;
      },
      state: async (folder) => {
        // The next start.
        new Incoming({ directory: folder, keeps: () => true });
        if (readdirSync(folder).length === 0) return 'old';
        const found = createHash('sha256').update(readFileSync(join(folder, '7.rows')));
        expect(found.digest('hex')).toBe(sha256);
        return 'new';
      },
    });
  });
});
