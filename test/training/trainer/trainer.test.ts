import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createOrtEngine } from '../../../training/engine/ort.ts';
import { potentialField } from '../../../training/losses/potential-field.ts';
import { readCheckpoint } from '../../../training/trainer/checkpoint.ts';
import { trainHead } from '../../../training/trainer/head.ts';
import type { StepProgress } from '../../../training/trainer/options.ts';
import { killedAt } from './killed.ts';
import { bits, train } from './run.ts';
import { DIMENSION_IN, randomHead, recallAt1, syntheticSet } from './synthetic.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'attractor-trainer-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('trainHead', () => {
  test.each([1, 2, 3])('finds what tells unseen classes apart, seed %i', async (seed) => {
    const { train, validation, test } = syntheticSet(seed);
    const initialHead = randomHead(seed, 8);
    const { head, bestEpoch, history } = await trainHead({
      ...train,
      dimensionIn: DIMENSION_IN,
      dimension: 8,
      initialHead,
      loss: potentialField(),
      epochs: 40,
      classesPerBatch: 20,
      learningRate: 0.03,
      seed,
      validate: async (head) => ({ score: recallAt1(validation, head) }),
    });
    const [before, after] = [recallAt1(test, initialHead), recallAt1(test, head)];
    expect(before).toBeLessThan(0.15);
    expect(after).toBeGreaterThan(0.75);
    expect(bestEpoch).toBeGreaterThan(0);
    expect(history[bestEpoch]!.score).toBe(Math.max(...history.map(({ score }) => score)));
    expect(recallAt1(validation, head)).toBe(history[bestEpoch]!.score);
    expect(history.at(-1)!.loss).toBeLessThan(history[1]!.loss!);
  });

  test('equal seeds give equal bits, other seeds others', async () => {
    const [first, again, other] = [await train(), await train(), await train({ seed: 1 })];
    expect(bits(again)).toEqual(bits(first));
    expect(bits(other).tensors).not.toEqual(bits(first).tensors);
  });

  test('shows every class equally in every epoch, in other batches each time', async () => {
    const batches: string[] = [];
    await train({
      createEngine: async (options) => {
        const engine = await createOrtEngine(options);
        const step: typeof engine.step = (batch, rate) => {
          batches.push(Array.from(batch.labels!.data as Int32Array).join());
          return engine.step(batch, rate);
        };
        return { ...engine, step };
      },
    });
    expect(batches).toHaveLength(32);
    expect(new Set(batches).size).toBe(32);
    for (let epoch = 0; epoch < 4; epoch++) {
      const labels = batches.slice(epoch * 8, epoch * 8 + 8).flatMap((batch) => batch.split(',').map(Number));
      for (let label = 0; label < 40; label++) expect(labels.filter((one) => one === label)).toHaveLength(8);
    }
  });

  test('keeps the initial head where no epoch is better, and stops when patience is over', async () => {
    const steps: StepProgress[] = [];
    const scores = [0.5, 0.4, 0.5, 0.3, 0.9];
    const initialHead = randomHead(1, 8);
    const { head, bestEpoch, history, stoppedEarly } = await train({
      initialHead,
      patience: 2,
      validate: async () => ({ score: scores.shift()! }),
      onProgress: (progress) => steps.push(progress),
    });
    expect(head).toEqual(initialHead);
    expect([bestEpoch, history.length, stoppedEarly]).toEqual([0, 3, true]);
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 16 }, (_, i) => i + 1));
    expect(steps.at(-1)).toMatchObject({ epoch: 2, steps: 32 });
  });

  test('a rate that makes the loss overflow is an error that says so', async () => {
    const training = train({ learningRate: 1e38, warmupEpochs: 0 });
    await expect(training).rejects.toThrow(
      /loss at step \d+: expected a finite number \(lower learningRate\)/,
    );
  });

  test.each([
    ['an unknown option', { momentum: 0.9 }, 'unknown_option', /momentum/],
    ['no epochs', { epochs: 0 }, 'invalid_argument', /epochs/],
    ['a negative rate', { learningRate: -1 }, 'invalid_argument', /learningRate/],
    ['features that do not fit', { dimensionIn: 31 }, 'invalid_argument', /features/],
    ['a head that does not fit', { dimension: 9 }, 'invalid_argument', /initialHead/],
    ['no threads', { threads: 0 }, 'invalid_argument', /threads/],
    [
      'a score that is no number',
      { validate: async () => ({ score: Number.NaN }) },
      'invalid_argument',
      /score/,
    ],
  ])('refuses %s', async (_, options, code, message) => {
    const refusal = await train(options as never).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code, message: expect.stringMatching(message) });
  });
});

describe('resuming', () => {
  test('killed in the third epoch, it ends in the same bits', async () => {
    const checkpointDirectory = join(folder, 'killed');
    await killedAt('plain', checkpointDirectory, 19);
    const { header } = (await readCheckpoint(join(checkpointDirectory, 'training.ckpt')))!;
    expect(header).toMatchObject({ step: 16, progress: { epoch: 3, batch: 0 } });

    const resumed = await train({ checkpointDirectory, resume: true });
    expect(bits(resumed)).toEqual(bits(await train()));
  });

  test('stopped in the middle of an epoch, it saves, and ends in the same bits', async () => {
    const checkpointDirectory = join(folder, 'stopped');
    const uninterrupted = bits(await train());
    for (const stop of [3, 13]) {
      const controller = new AbortController();
      const stopped = train({
        checkpointDirectory,
        resume: true,
        signal: controller.signal,
        onProgress: ({ step }) => step === stop && controller.abort(),
      });
      await expect(stopped).rejects.toMatchObject({
        code: 'aborted',
        message: expect.stringContaining(checkpointDirectory),
      });
    }
    const { header } = (await readCheckpoint(join(checkpointDirectory, 'training.ckpt')))!;
    expect(header).toMatchObject({ step: 13, progress: { epoch: 2, batch: 5 } });
    const steps: number[] = [];
    const resumed = await train({
      checkpointDirectory,
      resume: true,
      onProgress: ({ step }) => steps.push(step),
    });
    expect(steps[0]).toBe(14);
    expect(bits(resumed)).toEqual(uninterrupted);

    // A finished run has nothing left to do and says the same again.
    expect(
      bits(await train({ checkpointDirectory, resume: true, onProgress: ({ step }) => steps.push(-step) })),
    ).toEqual(uninterrupted);
    expect(steps.at(-1)).toBe(32);
    expect(await readdir(checkpointDirectory)).toEqual(['training.ckpt']);
  });

  test('a timer can stop it: steps let the event loop turn', async () => {
    const signal = AbortSignal.timeout(50);
    await expect(
      train({ epochs: 100_000, signal, validate: async () => ({ score: 0 }) }),
    ).rejects.toMatchObject({ code: 'aborted' });
  });

  test('refuses the checkpoint of another run; without resume it is overwritten', async () => {
    const checkpointDirectory = join(folder, 'other');
    await train({ checkpointDirectory });
    const { ino } = await stat(join(checkpointDirectory, 'training.ckpt'));
    for (const other of [{ seed: 2 }, { loss: potentialField() }, { initialHead: randomHead(2, 8) }]) {
      const training = train({ ...other, checkpointDirectory, resume: true });
      await expect(training).rejects.toMatchObject({ code: 'checkpoint_invalid' });
    }
    expect((await stat(join(checkpointDirectory, 'training.ckpt'))).ino).toBe(ino);
    await train({ checkpointDirectory, seed: 2 });
    await train({ checkpointDirectory, seed: 2, resume: true });
  });
});
