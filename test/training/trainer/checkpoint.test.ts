import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readCheckpoint, writeCheckpoint } from '../../../training/trainer/checkpoint.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'attractor-checkpoint-'));
});
afterAll(() => rm(folder, { recursive: true }));

const checkpoint = {
  header: { epoch: 3, note: 'naïve ünïcode', history: [{ loss: 0.1 + 0.2 }] },
  tensors: new Map([
    ['head', Float32Array.of(1, -0, Number.NaN, 1e-42)],
    ['empty', new Float32Array(0)],
    ['proxies', Float32Array.from({ length: 1000 }, (_, i) => i / 7)],
  ]),
};

test('reads back what was written, over an older one, and leaves no other file', async () => {
  const path = join(folder, 'run', 'training.ckpt');
  await writeCheckpoint(path, { header: 'older', tensors: new Map() });
  await writeCheckpoint(path, checkpoint);
  expect(await readCheckpoint(path)).toEqual(checkpoint);
  expect(await readdir(join(folder, 'run'))).toEqual(['training.ckpt']);
});

test('there is none', async () => {
  expect(await readCheckpoint(join(folder, 'nowhere.ckpt'))).toBeUndefined();
});

test('refuses every damaged byte and every shortened file', async () => {
  const path = join(folder, 'damaged.ckpt');
  await writeCheckpoint(path, { ...checkpoint, tensors: new Map([['head', Float32Array.of(1, 2)]]) });
  const bytes = await readFile(path);
  for (let at = 0; at < bytes.length; at++) {
    const damaged = Buffer.from(bytes);
    damaged[at]! ^= 0x10;
    for (const content of [damaged, bytes.subarray(0, at)]) {
      await writeFile(path, content);
      await expect(readCheckpoint(path), `byte ${at}`).rejects.toMatchObject({ code: 'checkpoint_invalid' });
    }
  }
});
