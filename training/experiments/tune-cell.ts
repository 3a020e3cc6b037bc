// The fine-tuning part of a cell: the backbone's last blocks under some losses, each from the head of that loss. Minutes each.

import type { Matmul } from '../baselines/matmul.ts';
import { LOSSES } from '../losses/index.ts';
import { methodTitle } from '../methods.ts';
import type { Prepared, Progress } from '../prepare.ts';
import { resolveRecipe } from '../recipe.ts';
import { scoreEmbeddings } from '../report/scores.ts';
import { type TuneStep, tuneBackbone } from '../tune.ts';
import type { CellPlace, MethodResult, RunCell } from './cell.ts';
import type { Experiment } from './schema.ts';

export async function tuneCell(options: {
  experiment: Experiment;
  place: CellPlace;
  cell: RunCell;
  set: Prepared;
  cache: string;
  matmul: Matmul;
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
}): Promise<MethodResult[]> {
  const { experiment, place, cell, set, matmul, signal, onProgress } = options;
  const { fineTune } = experiment;
  if (fineTune === undefined || !fineTune.splits.includes(place.split)) return [];
  const { train, losses, epochs, rates, seeds } = fineTune;
  const results: MethodResult[] = [];
  for (const name of losses) {
    const method = methodTitle(name);
    const head = cell.result.results.find((one) => one.method === method)!;
    const { epochs: _, learningRate: __, epoch: ___, ...settings } = head.chosen;
    const runs: (MethodResult['runs'][number] & { step: TuneStep })[] = [];
    for (const seed of seeds) {
      const recipe = { ...resolveRecipe({ seed }), train, tuneEpochs: epochs, tuneRates: rates };
      const step = await tuneBackbone({
        ...{ backbone: set.backbone, rows: set.rows, fitted: cell.seen, fit: cell.fit, recipe },
        ...{ loss: LOSSES[name]!.create(settings), cache: `${options.cache}-activations`, matmul },
        ...{ signal, onProgress },
      });
      try {
        const dimension = step.tuned.head.outputs;
        const embeddings = await step.embed(cell.unseen);
        const labels = cell.unseen.map((row) => set.data.labels[row]!);
        const { scores } = await scoreEmbeddings({
          ...{ embeddings, labels, dimension, scores: matmul.scores, signal },
        });
        const { recallAt1, rPrecision, mapAtR } = scores;
        const quality = { recallAt1: recallAt1.value, rPrecision: rPrecision.value, mapAtR: mapAtR.value };
        runs.push({ seed, ...quality, step });
      } finally {
        step.close();
      }
    }
    const { chosen, after, tuned } = runs[0]!.step;
    results.push({
      method: `${method}, ${train}`,
      dimension: tuned.head.outputs,
      trials: rates.length,
      chosen: { ...settings, learningRate: chosen.learningRate, epoch: chosen.epoch },
      validation: after,
      runs: runs.map(({ step: _, ...run }) => run),
    });
  }
  return results;
}
