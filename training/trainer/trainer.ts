// Trains a linear head on cached features: draws batches, steps the engine, lets the caller judge each epoch, keeps the best.
// Knows neither the loss (see ../losses) nor how a step is computed (see ../engine).

import { join } from 'node:path';
import { AttractorError, invalid } from '../../src/errors/error.ts';
import { createRng, restoreRng } from '../../src/math/rng.ts';
import { f32 } from '../../src/onnx/tensor.ts';
import type { Batch } from '../engine/engine.ts';
import { buildHeadGraph } from '../graph/head.ts';
import { ADAMW } from '../optim/adamw.ts';
import { warmupCosine } from '../optim/schedule.ts';
import { mPerClass } from '../samplers/m-per-class.ts';
import { classMeans } from './class-means.ts';
import {
  checked,
  type TrainHeadConfig,
  type TrainHeadOptions,
  type TrainHeadResult,
  type Validation,
} from './options.ts';
import { loadRun, type RunState, runHash, saveRun } from './run-state.ts';

export type { EpochRecord, StepProgress, TrainHeadOptions, TrainHeadResult, Validation } from './options.ts';

/**
 * Trains and returns the best head by validation score, the initial one included. Interrupted and resumed, it ends in
 * the same bits as uninterrupted. Throws `invalid_argument`; `aborted` after saving where the signal fires; and
 * `checkpoint_invalid` where the checkpoint is damaged or of another run.
 */
export async function trainHead(options: TrainHeadOptions): Promise<TrainHeadResult> {
  const config = checked(options);
  const { features, labels, dimensionIn, dimension, initialHead, loss, signal } = config;
  const sampler = mPerClass(config);
  const totalSteps = config.epochs * sampler.batchesPerEpoch;
  const warmupSteps = config.warmupEpochs * sampler.batchesPerEpoch;
  const schedule = { learningRate: config.learningRate, totalSteps, warmupSteps };

  const seeded = createRng(config.seed);
  const shape = { classes: sampler.classes, dimensionIn, dimension };
  const context = {
    rng: seeded,
    classMeans: () => classMeans({ ...shape, features, labels, head: initialHead }),
  };
  const initialLoss = Object.fromEntries(loss.parameters(shape).map((p) => [p.name, p.initial(context)]));
  const engine = await config.createEngine({
    graph: buildHeadGraph({ ...shape, batch: sampler.batch, loss, initialHead, initialLoss }),
    optimizer: { ...ADAMW, weightDecay: config.weightDecay },
    clipNorm: config.clipNorm || undefined,
    providers: config.providers,
    threads: config.threads,
  });

  try {
    const path = config.checkpointDirectory && join(config.checkpointDirectory, 'training.ckpt');
    const run = path ? hashRun(config) : '';
    const saved = path && config.resume ? await loadRun(path, run) : undefined;
    if (saved) engine.restore(saved.engine);
    const state: RunState = saved?.state ?? {
      epoch: 1,
      batch: 0,
      lossSum: 0,
      rng: seeded.state(),
      history: [{ epoch: 0, ...(await judge(config, initialHead)) }],
      bestEpoch: 0,
      bestHead: initialHead,
    };
    const save = async () => path && (await saveRun(path, run, state, engine.state()));
    const stale = () => config.patience > 0 && state.history.length - 1 - state.bestEpoch >= config.patience;

    while (state.epoch <= config.epochs && !stale()) {
      const rng = restoreRng(state.rng);
      const order = sampler.epoch(rng);
      for (; state.batch < sampler.batchesPerEpoch; state.batch++) {
        if (signal?.aborted) {
          await save();
          const where = path ? `; resume from ${path}` : '';
          throw new AttractorError('aborted', `Training was stopped in epoch ${state.epoch}${where}`);
        }
        const { step } = engine.state();
        const samples = order.subarray(state.batch * sampler.batch, (state.batch + 1) * sampler.batch);
        const value = await engine.step(gather(config, samples), warmupCosine(step, schedule));
        if (!Number.isFinite(value))
          throw invalid(`loss at step ${step}`, 'a finite number (lower learningRate)', value);
        state.lossSum += value;
        config.onProgress?.({ step: step + 1, steps: totalSteps, epoch: state.epoch, loss: value });
      }
      const head = engine.state().tensors.get('head')!;
      const judged = await judge(config, head);
      if (judged.score > state.history[state.bestEpoch]!.score) {
        Object.assign(state, { bestEpoch: state.epoch, bestHead: head });
      }
      state.history.push({ epoch: state.epoch, loss: state.lossSum / sampler.batchesPerEpoch, ...judged });
      Object.assign(state, { epoch: state.epoch + 1, batch: 0, lossSum: 0, rng: rng.state() });
      await save();
    }
    const { bestHead, bestEpoch, history } = state;
    const { tensors } = engine.state();
    const parameters = new Map(
      ['head', ...Object.keys(initialLoss)].map((name) => [name, tensors.get(name)!]),
    );
    return { head: bestHead, bestEpoch, history, parameters, stoppedEarly: state.epoch <= config.epochs };
  } finally {
    await engine.close();
  }
}

async function judge({ validate }: TrainHeadConfig, head: Float32Array): Promise<Validation> {
  const judged = await validate(head);
  if (!Number.isFinite(judged.score)) throw invalid('validate().score', 'a finite number', judged.score);
  return judged;
}

/** The samples' features and labels, one after the other. */
function gather({ features, labels, dimensionIn }: TrainHeadConfig, samples: Int32Array): Batch {
  const rows = new Float32Array(samples.length * dimensionIn);
  for (const [i, sample] of samples.entries()) {
    rows.set(features.subarray(sample * dimensionIn, (sample + 1) * dimensionIn), i * dimensionIn);
  }
  const data = samples.map((sample) => labels[sample]!);
  return {
    features: f32([samples.length, dimensionIn], rows),
    labels: { type: 'int32', dims: [samples.length], data },
  };
}

/** Over everything that decides how the run ends. */
function hashRun(config: TrainHeadConfig): string {
  const { features, labels, initialHead, loss, validate, createEngine, ...rest } = config;
  const { checkpointDirectory, resume, signal, onProgress, ...decisive } = rest;
  return runHash({ ...decisive, loss: [loss.name, loss.options] }, [features, labels, initialHead]);
}
