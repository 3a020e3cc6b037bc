// The real disk syncs what it says: seen by listening at Node's own calls, which are made all the same. What may go wrong, and what a
// power cut leaves, is in test/crash/disk-faults.test.ts, against a disk that does as this one.

import fs from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { disk } from '../../src/store/disk.ts';

let folder: string;
/** What was synced, and what was in the folder by then. */
let synced: { ino: number; names: string[] }[];
const { fsyncSync } = fs;
let handles: FileHandle;
let sync: FileHandle['sync'];

beforeEach(async () => {
  folder = fs.mkdtempSync(join(tmpdir(), 'attractor-disk-'));
  synced = [];
  fs.fsyncSync = (fd) => {
    synced.push({ ino: fs.fstatSync(fd).ino, names: fs.readdirSync(folder) });
    fsyncSync(fd);
  };
  syncBuiltinESMExports();
  const any = await open(folder, 'r');
  handles = Object.getPrototypeOf(any);
  await any.close();
  sync = handles.sync;
  handles.sync = async function (this: FileHandle) {
    synced.push({ ino: (await this.stat()).ino, names: fs.readdirSync(folder) });
    return sync.call(this);
  };
});

afterEach(() => {
  fs.fsyncSync = fsyncSync;
  syncBuiltinESMExports();
  handles.sync = sync;
  fs.rmSync(folder, { recursive: true });
});

const ino = (path: string) => fs.statSync(path).ino;

test('renameNow syncs the folder, once the name is in it', () => {
  fs.writeFileSync(join(folder, 'old'), 'text');
  disk.renameNow(join(folder, 'old'), join(folder, 'new'));
  expect(synced).toEqual([{ ino: ino(folder), names: ['new'] }]);
});

test('a file by its own sync, a folder by its own, a new folder by those above it', async () => {
  const file = await disk.open(join(folder, 'file'), 'w');
  await file.write('text');
  await file.sync();
  await file.close();
  await disk.rename(join(folder, 'file'), join(folder, 'name'));
  await disk.syncFolder(folder);
  await disk.makeFolder(join(folder, 'a/b'));
  expect(synced).toEqual([
    { ino: ino(join(folder, 'name')), names: ['file'] },
    { ino: ino(folder), names: ['name'] },
    { ino: ino(folder), names: ['a', 'name'] },
    { ino: ino(join(folder, 'a')), names: ['a', 'name'] },
  ]);
});
