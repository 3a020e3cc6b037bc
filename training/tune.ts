// `--train last:2` and its like as a step of training: goes on from a closed form, with the backbone's last blocks, under the loss that
// won. Wires ./finetune to what fitHeads chose; has no training of its own.

import { join } from 'node:path';
import type { DatasetRow } from '../src/dataset/row.ts';
import { AttractorError } from '../src/errors/error.ts';
import type { LoadedModel } from '../src/model/load.ts';
import type { Provider } from '../src/runtime/session.ts';
import type { Matmul } from './baselines/matmul.ts';
import type { CreateEngine } from './engine/engine.ts';
import { FLIPS } from './features/views.ts';
import { type FineTuned, fineTune, openTuning } from './finetune/fine-tune.ts';
import type { Fit } from './fit/fit.ts';
import type { Loss } from './losses/loss.ts';
import type { Progress } from './prepare.ts';
import type { Recipe } from './recipe.ts';

export interface TuneStepOptions {
  readonly backbone: LoadedModel;
  readonly rows: readonly DatasetRow[];
  /** Rows that fitHeads got, by number in `rows`, in its order. */
  readonly fitted: readonly number[];
  readonly fit: Fit;
  /** Of each of `rows`: as in Labelled. */
  readonly sources?: readonly string[];
  readonly loss: Loss;
  readonly recipe: Recipe & { readonly train: string };
  /** Folder of the activation cache. */
  readonly cache: string;
  readonly matmul: Matmul;
  readonly run?: string;
  readonly resume?: boolean;
  readonly createEngine?: CreateEngine;
  readonly providers?: readonly Provider[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

export interface TuneStep extends Pick<FineTuned, 'tuned' | 'graph' | 'chosen' | 'embedExactly'> {
  /** The method that training went on from. */
  readonly start: string;
  /** MAP@R on the validation classes: with the start alone, and at the epoch that was chosen. */
  readonly before: number;
  readonly after: number;
  /** Unit rows of some of `rows`. */
  embed(rows: readonly number[]): Promise<Float32Array>;
  close(): void;
}

/** Throws what openTuning and fineTune throw. */
export async function tuneBackbone(options: TuneStepOptions): Promise<TuneStep> {
  const { rows, fitted, fit, sources, loss, recipe, run, resume, signal, onProgress } = options;
  const { seed, classesPerBatch, samplesPerClass, refit, tuneEpochs, tuneRates } = recipe;
  const { holdoutClasses } = fit;
  // A head that a loss has fitted already fits the classes it has seen too closely to go on from (docs/training.md).
  const start = fit.start ?? fit.winner;
  const tuning = await openTuning({
    ...{ backbone: options.backbone, rows, train: recipe.train, cache: options.cache },
    ...{ matmul: options.matmul, providers: options.providers, views: FLIPS, signal },
    onPlan: ({ missing, bytes }) =>
      onProgress?.({ phase: `activations (${(bytes / 1e9).toFixed(1)} GB)`, done: 0, total: missing }),
    onProgress: (progress) => onProgress?.({ phase: 'activations', ...progress }),
  });
  const { activations } = tuning;
  try {
    if (activations.rows.length !== rows.length) {
      const lost = rows.length - activations.rows.length;
      throw new AttractorError('dataset_invalid', `${lost} images changed while training ran: start again`);
    }
    const labels = new Array<string | undefined>(rows.length);
    const placeOf = new Map<number, number>();
    for (const [place, row] of fitted.entries()) {
      labels[row] = fit.labels[place];
      placeOf.set(row, place);
    }
    const result = await fineTune({
      ...{ tuning, labels, sources, loss, seed, holdoutClasses, refit, classesPerBatch, samplesPerClass },
      ...{ epochs: tuneEpochs, learningRates: tuneRates, warmupEpochs: 1, resume, signal },
      createEngine: options.createEngine,
      head: (samples) => fit.fitAgain(start, { rows: samples.map((row) => placeOf.get(row)!) }),
      run: run && join(run, 'tune'),
      onStep: ({ stage, step, steps }) => onProgress?.({ phase: `tune, ${stage}`, done: step, total: steps }),
    });
    const { history } = result.trials.find((trial) => trial.learningRate === result.chosen.learningRate)!;
    return {
      ...result,
      start,
      before: history[0]!.score,
      after: history[result.chosen.epoch]!.score,
      close: () => activations.close(),
    };
  } catch (error) {
    activations.close();
    throw error;
  }
}
