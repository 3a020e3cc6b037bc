import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { preprocess } from '../../../src/image/preprocess.ts';
import { evaluateRetrieval } from '../../../src/metrics/retrieval.ts';
import { composeGraph } from '../../../src/model/compose.ts';
import { f32 } from '../../../src/onnx/tensor.ts';
import { openSession } from '../../../src/runtime/session.ts';
import { headGraph } from '../../../training/export/head.ts';
import { embedTuned } from '../../../training/finetune/tuning.ts';
import { potentialField } from '../../../training/losses/potential-field.ts';
import { bits, openTiny, randomHead, tuneTiny } from './run.ts';

let folder: string;
let tiny: Awaited<ReturnType<typeof openTiny>>;
let done: Awaited<ReturnType<typeof tuneTiny>>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'attractor-finetune-'));
  tiny = await openTiny(folder);
  done = await tuneTiny(tiny);
});
afterAll(async () => {
  await tiny.close();
  await rm(folder, { recursive: true });
});

describe('fineTune', () => {
  test('finds what tells apart classes that it has not seen', async () => {
    const test = new Set(tiny.labels.filter((_, i) => i % 3 === 0).filter((label) => /[147]$/.test(label)));
    const seen = tiny.labels.map((label) => (test.has(label) ? undefined : label));
    const tuned = await tuneTiny(tiny, { labels: seen });
    const samples = [...tiny.labels.keys()].filter((i) => test.has(tiny.labels[i]!));
    const labels = samples.map((i) => tiny.labels[i]!);
    const score = async (vectors: Float32Array) =>
      (await evaluateRetrieval({ dimension: 8, queries: { vectors, labels }, ks: [1] })).mapAtR.value;
    const untuned = { weights: new Map(), head: await randomHead() };
    const before = await score(await embedTuned({ tuning: tiny.tuning, tuned: untuned, samples }));
    expect(await score(await tuned.embed(samples))).toBeGreaterThan(before + 0.03);
  });

  test('tries every rate, starts each at the head it was given, and keeps the best epoch', () => {
    const { trials, chosen } = done;
    expect(trials.map(({ learningRate }) => learningRate)).toEqual([3e-3, 1e-2]);
    expect(trials[0]!.history[0]).toEqual(trials[1]!.history[0]);
    const scores = trials.flatMap(({ learningRate, history }) =>
      history.map(({ epoch, score }) => ({ learningRate, epoch, score })),
    );
    const best = Math.max(...scores.map(({ score }) => score));
    expect(scores).toContainEqual({ learningRate: chosen.learningRate, epoch: chosen.epoch, score: best });
    expect(chosen).toMatchObject({ epochs: 3, epoch: expect.toSatisfy((epoch) => epoch > 0) });
  });

  test('the graph and head that come back embed images as training does', async () => {
    const { bytes } = composeGraph({
      backbone: done.graph,
      head: headGraph({ map: done.tuned.head, opset: 17 }),
    });
    const session = await openSession({ model: bytes, threads: 1 });
    const samples = [0, 17, 140, 195];
    const embedded = await done.embed(samples);
    const exact = await done.embedExactly(samples);
    for (const [i, sample] of samples.entries()) {
      const image = await readFile(tiny.rows[sample]!.image);
      const pixels = await preprocess({ bytes: image, contract: tiny.backbone.manifest.preprocess });
      const { embedding } = await session.run({ image: f32([1, 3, 16, 16], pixels) });
      for (const [j, x] of (embedding!.data as Float32Array).entries()) {
        expect(Math.abs(exact[i * 8 + j]! - x)).toBeLessThan(2e-6);
        // Half-precision activations in training, none in serving.
        expect(Math.abs(embedded[i * 8 + j]! - x)).toBeLessThan(1e-3);
      }
    }
    await session.release();
  });

  test('asks for the head of the rows it may see, and of all for the refit', async () => {
    const asked: number[][] = [];
    const head = (samples: readonly number[]) => {
      asked.push([...samples]);
      return randomHead();
    };
    await tuneTiny(tiny, { head, epochs: 1, learningRates: [1e-3] });
    const classes = asked.map((samples) => new Set(samples.map((i) => tiny.labels[i])).size);
    expect(classes).toEqual([36, 48]);
    await tuneTiny(tiny, { head, epochs: 1, learningRates: [1e-3], refit: false });
    expect(asked.length).toBe(3);
  });

  test('where nothing helps, backbone and head come back as they were', async () => {
    const still = await tuneTiny(tiny, { learningRates: [0], epochs: 1 });
    expect(still.chosen.epoch).toBe(0);
    expect(still.graph).toEqual(tiny.tuning.split.model);
    expect(still.tuned.head).toEqual(await randomHead());
  });

  test('is the same to the bit a second time, and another with another seed', async () => {
    expect(bits(await tuneTiny(tiny))).toEqual(bits(done));
    expect(bits(await tuneTiny(tiny, { seed: 2 }))).not.toEqual(bits(done));
  });

  test.each([
    ['rate 0.003', 7],
    ['rate 0.01', 3],
    ['refit', 2],
  ])('killed in "%s" after step %i, it ends in the same bits', async (stage, step) => {
    const run = join(folder, `run ${stage}`);
    const script = fileURLToPath(new URL('./tune-child.ts', import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', script, folder, run], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    for await (const line of createInterface({ input: child.stdout })) {
      if (line === `${stage} ${step}`) child.kill('SIGKILL');
    }
    expect((await exited)[1]).toBe('SIGKILL');
    expect(bits(await tuneTiny(tiny, { run, resume: true }))).toEqual(bits(done));
  });

  test('stopped by a signal, it goes on from there', async () => {
    const run = join(folder, 'aborted');
    const stop = new AbortController();
    const onStep = ({ stage, step }: { stage: string; step: number }) => {
      if (stage === 'refit' && step === 3) stop.abort();
    };
    const stopped = tuneTiny(tiny, { run, signal: stop.signal, onStep });
    await expect(stopped).rejects.toMatchObject({ code: 'aborted' });
    const steps: string[] = [];
    const resumed = await tuneTiny(tiny, {
      run,
      resume: true,
      onStep: ({ stage, step, steps: all }) => steps.push(`${stage} ${step} of ${all}`),
    });
    expect(bits(resumed)).toEqual(bits(done));
    expect(steps[0]).toMatch(/^refit 4 of /);
    expect(steps.at(-1)).toMatch(/^refit (\d+) of \1$/);
  });

  test('says what does not fit', async () => {
    const refused = (options: object) => expect(tuneTiny(tiny, options)).rejects;
    await refused({ labels: ['a'] }).toMatchObject({ code: 'invalid_argument', field: 'labels' });
    await refused({ learningRates: [] }).toMatchObject({ code: 'invalid_argument', field: 'learningRates' });
    await refused({ holdoutClasses: 0 }).toMatchObject({ code: 'invalid_argument' });
    await refused({ momentum: 1 }).toMatchObject({ code: 'unknown_option', field: 'momentum' });
    await refused({ loss: potentialField(), learningRates: [1e9] }).toMatchObject({
      code: 'invalid_argument',
    });
  });
});
