// The table that every run ends in: the frozen features and each fitted head on the same rows, side by side.

import type { QueryGallery } from '../../src/dataset/published-split.ts';
import { embed } from '../baselines/linear-map.ts';
import type { Matmul } from '../baselines/matmul.ts';
import { type MethodScores, scoreEmbeddings } from '../report/scores.ts';
import type { FittedHead } from './fit.ts';
import type { Labelled } from './space.ts';

/** `data` are rows of classes that no head was fitted on; `sides` as for scoreEmbeddings. */
export async function evaluateHeads(options: {
  heads: readonly Pick<FittedHead, 'method' | 'map' | 'chosen'>[];
  data: Labelled;
  inputs: number;
  sides?: QueryGallery;
  matmul: Matmul;
  signal?: AbortSignal;
}): Promise<MethodScores[]> {
  const { heads, data, inputs, sides, matmul, signal } = options;
  const { features, labels, sources } = data;
  const score = async (embeddings: Float32Array, dimension: number) =>
    (
      await scoreEmbeddings({
        ...{ embeddings, labels, sources, dimension, sides, scores: matmul.scores, signal },
      })
    ).scores;
  const results: MethodScores[] = [
    { method: 'frozen', dimension: inputs, scores: await score(features, inputs) },
  ];
  for (const { method, map, chosen } of heads) {
    const scores = await score(await embed({ map, features, matmul }), map.outputs);
    results.push({ method, dimension: map.outputs, atStart: chosen.epoch === 0, scores });
  }
  return results;
}
