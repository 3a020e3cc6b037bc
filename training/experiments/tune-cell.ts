// The fine-tuning part of a cell: the backbone's last blocks under some losses. Minutes each.

import type { Matmul } from '../baselines/matmul.ts';
import { LOSSES } from '../losses/index.ts';
import type { Loss } from '../losses/loss.ts';
import { methodTitle } from '../methods.ts';
import type { Prepared, Progress } from '../prepare.ts';
import { resolveRecipe } from '../recipe.ts';
import { scoreEmbeddings } from '../report/scores.ts';
import { tuneBackbone } from '../tune.ts';
import { type CellPlace, type MethodResult, qualityOf, type RunCell } from './cell.ts';
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
  const { sources: all } = set.data;
  const labels = cell.unseen.map((row) => set.data.labels[row]!);
  const sources = all && cell.unseen.map((row) => all[row]!);
  const tuneOnce = async (loss: Loss, seed: number) => {
    const recipe = { ...resolveRecipe({ seed }), train, tuneEpochs: epochs, tuneRates: rates };
    const step = await tuneBackbone({
      ...{
        backbone: set.backbone,
        rows: set.rows,
        fitted: cell.seen,
        fit: cell.fit,
        sources: all,
        recipe,
        loss,
      },
      ...{ cache: `${options.cache}-activations`, matmul, signal, onProgress },
    });
    try {
      const { chosen, after, tuned } = step;
      const dimension = tuned.head.outputs;
      const embeddings = await step.embed(cell.unseen);
      const { scores } = await scoreEmbeddings({
        ...{ embeddings, labels, sources, dimension, scores: matmul.scores, signal },
      });
      return { run: { seed, ...qualityOf(scores) }, dimension, chosen, after };
    } finally {
      step.close();
    }
  };
  const results: MethodResult[] = [];
  for (const name of losses) {
    const method = methodTitle(name);
    const head = cell.result.results.find((one) => one.method === method)!;
    const { epochs: _, learningRate: __, epoch: ___, ...settings } = head.chosen;
    const tuned = [];
    for (const seed of seeds) tuned.push(await tuneOnce(LOSSES[name]!.create(settings), seed));
    const { dimension, chosen, after } = tuned[0]!;
    results.push({
      method: `${method}, ${train}`,
      dimension,
      trials: rates.length,
      tuned: true,
      chosen: { ...settings, learningRate: chosen.learningRate, epoch: chosen.epoch },
      validation: after,
      runs: tuned.map(({ run }) => run),
    });
  }
  return results;
}
