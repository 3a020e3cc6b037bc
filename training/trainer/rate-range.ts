// The learning rate range test (Smith 2017): trains with a rate that rises from step to step and shows where the loss falls, and
// where it stops falling. Saves and judges nothing.

import { AttractorError, invalid } from '../../src/errors/error.ts';
import { fetchBatch } from './batch.ts';
import { checked } from './config.ts';
import type { TrainNetworkOptions } from './options.ts';
import { setUp } from './setup.ts';

export interface LearningRateRangeOptions extends TrainNetworkOptions {
  /** First and last rate; 1e-6 and 1 by default. */
  readonly from?: number;
  readonly to?: number;
  /** 100 by default. */
  readonly steps?: number;
}

export interface RatePoint {
  readonly learningRate: number;
  readonly loss: number;
  /** Exponential mean of the losses so far with a decay of 0.9, bias corrected. */
  readonly smoothed: number;
}

export interface LearningRateRange {
  /** One point per step; ends early where a loss is not finite. */
  readonly curve: readonly RatePoint[];
  /** Where the smoothed loss falls most over ten steps (fewer of a short run), but at most a tenth of where it diverges. */
  readonly suggested: number;
  /** The first rate after the lowest smoothed loss at which all that was gained is lost again, or the loss is not finite. */
  readonly diverged?: number;
}

const DECAY = 0.9;
/** Steps over which the fall of the smoothed loss is measured, where there are ten times as many: those that the mean remembers. */
const SPAN = 10;

/**
 * `steps` steps of the run that the options describe, from its initial values, the rate multiplied by the same factor each time;
 * schedule, warm-up, validation and checkpoints play no part. Throws as trainNetwork, and `invalid_argument` where the loss
 * never falls.
 */
export async function learningRateRange(options: LearningRateRangeOptions): Promise<LearningRateRange> {
  const { from = 1e-6, to = 1, steps = 100, ...training } = options;
  const config = checked(training);
  if (!(from > 0 && Number.isFinite(from))) throw invalid('from', 'a rate above 0', from);
  if (!(to > from && Number.isFinite(to))) throw invalid('to', 'a rate above from', to);
  if (!Number.isInteger(steps) || steps < 10) throw invalid('steps', 'a whole number of 10 or more', steps);
  const { sampler, rng, open } = setUp(config);
  const engine = await open(config.warmupEpochs + 1);
  const curve: RatePoint[] = [];
  let order: Int32Array = new Int32Array(0);
  let mean = 0;
  let end: number | undefined;
  try {
    for (let step = 0; step < steps; step++) {
      if (config.signal?.aborted) throw new AttractorError('aborted', 'The range test was stopped');
      const at = step % sampler.batchesPerEpoch;
      if (at === 0) order = sampler.epoch(rng);
      const drawn = order.subarray(at * sampler.batch, (at + 1) * sampler.batch);
      const learningRate = from * (to / from) ** (step / (steps - 1));
      const loss = await engine.step(
        await fetchBatch({ config, drawn, step, totalSteps: steps }),
        learningRate,
      );
      if (!Number.isFinite(loss)) {
        end = learningRate;
        break;
      }
      mean = DECAY * mean + (1 - DECAY) * loss;
      curve.push({ learningRate, loss, smoothed: mean / (1 - DECAY ** (step + 1)) });
      config.onProgress?.({
        step: step + 1,
        steps,
        epoch: Math.floor(step / sampler.batchesPerEpoch) + 1,
        loss,
      });
    }
  } finally {
    await engine.close();
  }
  return { curve, ...read(curve, end) };
}

function read(curve: readonly RatePoint[], end: number | undefined) {
  const lowest = curve.reduce((best, { smoothed }, i) => (smoothed < curve[best]!.smoothed ? i : best), 0);
  const lost = curve.findIndex(({ smoothed }, i) => i > lowest && smoothed >= curve[0]!.smoothed);
  const diverged = curve[lost]?.learningRate ?? end;
  let steepest: { rate: number; fall: number } | undefined;
  // Over some steps, and not the first ones: the mean of a few losses says how hard their batches were.
  const span = Math.max(1, Math.min(SPAN, Math.floor(curve.length / 10)));
  for (let i = span === 1 ? 1 : 2 * span; i <= lowest; i++) {
    const [before, after] = [curve[i - span]!, curve[i]!];
    const fall = before.smoothed - after.smoothed;
    if (fall > (steepest?.fall ?? 0)) steepest = { rate: after.learningRate, fall };
  }
  if (!steepest) throw invalid('from', 'a rate at which the loss falls (lower it)', curve[0]?.learningRate);
  const suggested = Math.min(steepest.rate, (diverged ?? Number.POSITIVE_INFINITY) / 10);
  return { suggested, ...(diverged === undefined ? {} : { diverged }) };
}
