// Trains a network under a loss: draws batches, steps the engine, lets the caller judge each epoch, keeps the best.
// Knows neither the loss (../losses), nor the network (../graph), nor how a step is computed (../engine).

import { join } from 'node:path';
import { AttractorError, invalid } from '../../src/errors/error.ts';
import { createRng, restoreRng } from '../../src/math/rng.ts';
import { scalar } from '../../src/onnx/tensor.ts';
import type { Batch } from '../engine/engine.ts';
import { buildTrainingGraph } from '../graph/training-graph.ts';
import { ADAMW } from '../optim/optimizer.ts';
import { warmupCosine } from '../optim/schedule.ts';
import { mPerClass } from '../samplers/m-per-class.ts';
import {
  checked,
  type TrainNetworkConfig,
  type TrainNetworkOptions,
  type TrainNetworkResult,
  type Validation,
  type Values,
} from './options.ts';
import { loadRun, type RunState, runHash, saveRun } from './run-state.ts';

/**
 * Trains and returns the best values by validation score, the initial ones included. Interrupted and resumed, it ends
 * in the same bits as uninterrupted. Throws `invalid_argument`; `aborted` after saving where the signal fires; and
 * `checkpoint_invalid` where the checkpoint is damaged or of another run.
 */
export async function trainNetwork(options: TrainNetworkOptions): Promise<TrainNetworkResult> {
  const config = checked(options);
  const { network, samples, loss, signal } = config;
  const sampler = mPerClass({ ...config, labels: samples.labels });
  const totalSteps = config.epochs * sampler.batchesPerEpoch;
  const warmupSteps = config.warmupEpochs * sampler.batchesPerEpoch;
  const schedule = { learningRate: config.learningRate, totalSteps, warmupSteps };

  const { classes, batch } = sampler;
  const seeded = createRng(config.seed);
  const context = { rng: seeded, classMeans: config.classMeans };
  const ofLoss = loss.parameters({ classes, dimension: network.dimension });
  const initialLoss = Object.fromEntries(ofLoss.map((p) => [p.name, p.initial(context)]));
  const engine = await config.createEngine({
    graph: buildTrainingGraph({ network, loss, batch, classes, initialLoss }),
    optimizer: { ...ADAMW, weightDecay: config.weightDecay },
    clipNorm: config.clipNorm || undefined,
    providers: config.providers,
    threads: config.threads,
  });
  const ofNetwork = [...network.parameters, ...(network.buffers ?? [])].map(({ name }) => name);
  const values = (): Values => {
    const { tensors } = engine.state();
    return new Map(ofNetwork.map((name) => [name, tensors.get(name)!]));
  };

  try {
    const path = config.checkpointDirectory && join(config.checkpointDirectory, 'training.ckpt');
    const run = path ? hashRun(config) : '';
    const saved = path && config.resume ? await loadRun(path, run) : undefined;
    const state: RunState = saved?.state ?? {
      epoch: 1,
      batch: 0,
      lossSum: 0,
      rng: seeded.state(),
      history: [{ epoch: 0, ...(await judge(config, values())) }],
      bestEpoch: 0,
      best: values(),
    };
    if (saved) engine.restore(saved.engine);
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
        const drawn = order.subarray(state.batch * batch, (state.batch + 1) * batch);
        const feeds = await fetchBatch(config, drawn, step, totalSteps);
        const value = await engine.step(feeds, warmupCosine(step, schedule));
        if (!Number.isFinite(value))
          throw invalid(`loss at step ${step}`, 'a finite number (lower learningRate)', value);
        state.lossSum += value;
        config.onProgress?.({ step: step + 1, steps: totalSteps, epoch: state.epoch, loss: value });
      }
      const judged = await judge(config, values());
      if (judged.score > state.history[state.bestEpoch]!.score) {
        Object.assign(state, { bestEpoch: state.epoch, best: values() });
      }
      state.history.push({ epoch: state.epoch, loss: state.lossSum / sampler.batchesPerEpoch, ...judged });
      Object.assign(state, { epoch: state.epoch + 1, batch: 0, lossSum: 0, rng: rng.state() });
      await save();
    }
    const { best, bestEpoch, history } = state;
    const { tensors } = engine.state();
    const parameters = new Map(
      [...ofNetwork, ...Object.keys(initialLoss)].map((name) => [name, tensors.get(name)!]),
    );
    return { best, bestEpoch, history, parameters, stoppedEarly: state.epoch <= config.epochs };
  } finally {
    await engine.close();
  }
}

async function judge({ validate }: TrainNetworkConfig, values: Values): Promise<Validation> {
  const judged = await validate(values);
  if (!Number.isFinite(judged.score)) throw invalid('validate().score', 'a finite number', judged.score);
  return judged;
}

/** The samples as the network takes them, their labels, and what the loss has scheduled for this step. */
async function fetchBatch(config: TrainNetworkConfig, drawn: Int32Array, step: number, totalSteps: number) {
  const { samples, loss, seed } = config;
  const data = drawn.map((sample) => samples.labels[sample]!);
  const batch: Record<string, Batch[string]> = {
    ...(await samples.batch(drawn, createRng((seed % 2 ** 20) * 2 ** 32 + step))),
    labels: { type: 'int32', dims: [drawn.length], data },
  };
  for (const [name, at] of Object.entries(loss.scheduled ?? {})) batch[name] = scalar(at(step / totalSteps));
  return batch;
}

/** Over everything that decides how the run ends. */
function hashRun(config: TrainNetworkConfig): string {
  const { network, samples, loss, classMeans, validate, createEngine, ...rest } = config;
  const { checkpointDirectory, resume, signal, onProgress, ...decisive } = rest;
  const initial = [...network.parameters, ...(network.buffers ?? [])].map((one) => one.initial);
  const names = { network: network.name, loss: [loss.name, loss.options], data: samples.hash };
  return runHash({ ...decisive, ...names }, [samples.labels, ...initial]);
}
