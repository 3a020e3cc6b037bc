// The fine-tuning part of a cell: the backbone's last blocks under some losses, each from the head of that loss. Minutes each.

import type { Matmul } from '../baselines/matmul.ts';
import { LOSSES } from '../losses/index.ts';
import { methodTitle } from '../methods.ts';
import type { Prepared, Progress } from '../prepare.ts';
import { resolveRecipe } from '../recipe.ts';
import { scoreEmbeddings } from '../report/scores.ts';
import { tuneBackbone } from '../tune.ts';
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
  const { train, losses, epochs, rates } = fineTune;
  const recipe = { ...resolveRecipe({ seed: place.split }), train, tuneEpochs: epochs, tuneRates: rates };
  const results: MethodResult[] = [];
  for (const name of losses) {
    const method = methodTitle(name);
    const head = cell.result.results.find((one) => one.method === method)!;
    const { epochs: _, learningRate: __, epoch: ___, ...settings } = head.chosen;
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
      const quality = {
        recallAt1: scores.recallAt1.value,
        rPrecision: scores.rPrecision.value,
        mapAtR: scores.mapAtR.value,
      };
      results.push({
        method: `${method}, ${train}`,
        dimension,
        trials: rates.length,
        chosen: { ...settings, learningRate: step.chosen.learningRate, epoch: step.chosen.epoch },
        validation: step.after,
        runs: [{ seed: place.split, ...quality }],
      });
    } finally {
      step.close();
    }
  }
  return results;
}
