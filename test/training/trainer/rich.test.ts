import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EpochRecord } from '../../../training/trainer/options.ts';
import { readEpoch } from '../../../training/trainer/top-checkpoints.ts';
import { killedAt } from './killed.ts';
import { richBits, trainRich, twoLayers } from './rich.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'attractor-rich-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('a run with everything on', () => {
  test('learns, warms up the new part alone, and says at which rate', async () => {
    const [trunk, head] = twoLayers().parameters.map(({ initial }) => initial);
    const seen: Float32Array[][] = [];
    const records: EpochRecord[] = [];
    const { history, bestEpoch } = await trainRich({
      validate: async (values) => {
        seen.push([values.get('trunk')!, values.get('head')!]);
        return { score: 0, metrics: { recall: seen.length } };
      },
      onEpoch: (record) => records.push(record),
    });
    expect(seen[0]).toEqual([trunk, head]);
    expect(seen[1]![0]).toEqual(trunk);
    expect(seen[1]![1]).not.toEqual(head);
    expect(seen[2]![0]).not.toEqual(trunk);
    expect(bestEpoch).toBe(4);
    expect(records).toEqual(history);
    expect(history.map(({ learningRate }) => learningRate)).toEqual([
      undefined,
      0.05,
      0.05,
      0.05 * 0.3,
      0.05 * 0.3,
    ]);
    expect(history[4]!.loss).toBeLessThan(history[1]!.loss!);
    expect(history[0]).not.toHaveProperty('seconds');
  });

  test('killed in step after step, warm-up included, it ends in the same bits and files', async () => {
    const whole = join(folder, 'whole');
    const uninterrupted = richBits(await trainRich({ checkpointDirectory: whole, keepTop: 2 }));
    expect(uninterrupted.tensors.map(([name]) => name).slice(0, 4)).toEqual([
      'trunk',
      'head',
      'running',
      'proxies',
    ]);
    const checkpointDirectory = join(folder, 'killed');
    const firstSteps: number[] = [];
    for (const at of [5, 11, 23, 30]) firstSteps.push((await killedAt('rich', checkpointDirectory, at))[0]!);
    expect(firstSteps).toEqual([1, 1, 9, 17]);
    const resumed = await trainRich({ checkpointDirectory, resume: true, keepTop: 2 });
    expect(richBits(resumed)).toEqual(uninterrupted);
    expect((await readdir(checkpointDirectory)).sort()).toEqual((await readdir(whole)).sort());
  });

  test('stopped in the warm-up and right after it, it ends in the same bits', async () => {
    const checkpointDirectory = join(folder, 'stopped');
    for (const at of [4, 8, 9, 16]) {
      const controller = new AbortController();
      const stopped = trainRich({
        ...{ checkpointDirectory, resume: true, signal: controller.signal },
        onProgress: ({ step }) => step === at && controller.abort(),
      });
      await expect(stopped).rejects.toMatchObject({ code: 'aborted' });
    }
    const resumed = await trainRich({ checkpointDirectory, resume: true });
    expect(richBits(resumed)).toEqual(richBits(await trainRich()));
  });

  test('keeps the values of the best epochs, and no others', async () => {
    const checkpointDirectory = join(folder, 'top');
    const recalls = [0.2, 0.5, 0.4, 0.5, 0.1];
    const seen: Float32Array[] = [];
    const { best } = await trainRich({
      ...{ checkpointDirectory, keepTop: 2, mode: 'max' },
      validate: async (values) => {
        seen.push(values.get('head')!);
        return { score: 0, metrics: { recall: recalls[seen.length - 1]! } };
      },
    });
    expect((await readdir(checkpointDirectory)).sort()).toEqual([
      'epoch-0001.ckpt',
      'epoch-0003.ckpt',
      'training.ckpt',
    ]);
    for (const epoch of [1, 3]) {
      const { record, values } = await readEpoch(join(checkpointDirectory, `epoch-000${epoch}.ckpt`));
      expect(record).toMatchObject({ epoch, metrics: { recall: 0.5 } });
      expect(values.get('head')).toEqual(seen[epoch]);
      if (epoch === 1) expect(values).toEqual(best);
    }
    await expect(readEpoch(join(checkpointDirectory, 'training.ckpt'))).rejects.toThrow(
      /values of one epoch/,
    );
    await expect(readEpoch(join(checkpointDirectory, 'none.ckpt'))).rejects.toThrow(/values of one epoch/);
  });

  test('says the way out of a checkpoint that is foreign or damaged', async () => {
    const checkpointDirectory = join(folder, 'foreign');
    await trainRich({ checkpointDirectory });
    const other = trainRich({ checkpointDirectory, resume: true, ema: 0 });
    await expect(other).rejects.toThrow(
      /other data or options: .*another folder, or train anew without resume/,
    );
    await writeFile(join(checkpointDirectory, 'training.ckpt'), 'not a checkpoint');
    const damaged = trainRich({ checkpointDirectory, resume: true });
    await expect(damaged).rejects.toThrow(/cannot be resumed, only trained anew/);
  });
});
