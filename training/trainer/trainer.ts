// Trains a network under a loss: draws batches, steps the engine, lets the caller judge each epoch, keeps the best.
// Knows neither the loss (../losses), nor the network (../graph), nor how a step is computed (../engine).

import { AttractorError, invalid } from '../../src/errors/error.ts';
import { restoreRng } from '../../src/math/rng.ts';
import { fetchBatch } from './batch.ts';
import { checked } from './config.ts';
import { endEpoch } from './epoch-end.ts';
import type { TrainNetworkOptions, TrainNetworkResult, Values } from './options.ts';
import { type RunState, runFiles } from './run-state.ts';
import { setUp } from './setup.ts';

/**
 * Trains and returns the best values by validation, the initial ones included. Interrupted and resumed, it ends in the same
 * bits as uninterrupted. Throws `invalid_argument`; `aborted` after saving where the signal fires; and `checkpoint_invalid`
 * where the checkpoint is damaged or of another run.
 */
export async function trainNetwork(options: TrainNetworkOptions): Promise<TrainNetworkResult> {
  const config = checked(options);
  const { epochs, patience, signal, clock } = config;
  const { sampler, names, rng: seeded, totalSteps, rate, onlyNew, open } = setUp(config);
  const files = runFiles(config);
  const saved = config.resume ? await files.load() : undefined;

  let engine = await open(saved?.state.epoch ?? 1);
  /** As they would be used: the average where one is kept. */
  const values = (): Values => {
    const { tensors } = engine.state();
    return new Map(names.map((name) => [name, tensors.get(`${name}/average`) ?? tensors.get(name)!]));
  };
  try {
    if (saved) engine.restore(saved.engine);
    const fresh = { step: 0, epoch: 1, batch: 0, lossSum: 0, rng: seeded.state(), history: [], bestEpoch: 0 };
    const state: RunState = saved?.state ?? { ...fresh, best: values() };
    const over = async (
      training: { epoch: number; loss?: number; learningRate?: number },
      started?: number,
    ) => endEpoch({ config, files, state, values: values(), training, started });
    const stale = () => patience > 0 && state.history.length - 1 - state.bestEpoch >= patience;
    if (!saved) {
      const initial = await over({ epoch: 0 }, clock?.());
      config.onEpoch?.(initial);
    }

    while (state.epoch <= epochs && !stale()) {
      const { epoch } = state;
      const started = clock?.();
      const rng = restoreRng(state.rng);
      const order = sampler.epoch(rng);
      for (; state.batch < sampler.batchesPerEpoch; state.batch++, state.step++) {
        if (signal?.aborted) {
          await files.save(state, engine.state());
          const where = files.path ? `; resume from ${files.path}` : '';
          throw new AttractorError('aborted', `Training was stopped in epoch ${epoch}${where}`);
        }
        const { batch, step } = state;
        const drawn = order.subarray(batch * sampler.batch, (batch + 1) * sampler.batch);
        const loss = await engine.step(await fetchBatch({ config, drawn, step, totalSteps }), rate(step));
        if (!Number.isFinite(loss))
          throw invalid(`loss at step ${step}`, 'a finite number (lower learningRate)', loss);
        state.lossSum += loss;
        config.onProgress?.({ step: step + 1, steps: totalSteps, epoch, loss });
      }
      const loss = state.lossSum / sampler.batchesPerEpoch;
      const record = await over({ epoch, loss, learningRate: rate(state.step - 1) }, started);
      Object.assign(state, { epoch: epoch + 1, batch: 0, lossSum: 0, rng: rng.state() });
      if (onlyNew(epoch) && !onlyNew(epoch + 1)) {
        const { tensors } = engine.state();
        await engine.close();
        engine = await open(epoch + 1, tensors);
      }
      await files.save(state, engine.state());
      config.onEpoch?.(record);
    }
    const { best, bestEpoch, history } = state;
    return { best, bestEpoch, history, parameters: values(), stoppedEarly: state.epoch <= epochs };
  } finally {
    await engine.close();
  }
}
