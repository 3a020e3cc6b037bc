// Fits every head that training offers on one set of features: the closed forms and the trained one, each with its choices
// made on classes that it was not fitted on. Knows features and labels; not images, files or models.

import { splitClasses } from '../../src/dataset/split.ts';
import { invalid } from '../../src/errors/error.ts';
import type { LinearMap } from '../baselines/linear-map.ts';
import type { Matmul } from '../baselines/matmul.ts';
import type { Method, MethodScores } from '../report/scores.ts';
import { chooseClosedForms } from './closed-forms.ts';
import { evaluateHeads } from './evaluate.ts';
import { createJudge, type Labelled, openSpace, toMap } from './space.ts';
import { type HeadRecipe, retrain, trainFromBestStart } from './trained-head.ts';

export interface FitOptions {
  readonly data: Labelled;
  /** Length of a feature row. */
  readonly inputs: number;
  /** Length of an embedding. */
  readonly dimension: number;
  /** Share of the classes that choose start, shrinkage and epoch. */
  readonly holdoutClasses: number;
  /** True: what was chosen is fitted once more on all classes, the validation classes among them. */
  readonly refit: boolean;
  readonly recipe: HeadRecipe;
  readonly matmul: Matmul;
}

export interface FittedHead {
  readonly method: Exclude<Method, 'frozen'>;
  readonly map: LinearMap;
  /** What the validation classes chose. */
  readonly chosen: Readonly<Record<string, string | number>>;
}

export interface Fit {
  /** PCA, LDA, within-class whitening and the trained head, in this order. */
  readonly heads: readonly FittedHead[];
  /** The frozen features and each head on the validation classes, before the refit. */
  readonly validation: readonly MethodScores[];
}

/** The seed of the recipe decides the validation classes too. Throws `invalid_argument`, and what trainHead throws. */
export async function fitHeads(options: FitOptions): Promise<Fit> {
  const { data, inputs, dimension, recipe, matmul } = options;
  const split = splitClasses({ labels: data.labels, fraction: options.holdoutClasses, seed: recipe.seed });
  const held = pickRows(data, split.held, inputs);
  const space = await openSpace({ data: pickRows(data, split.kept, inputs), inputs, matmul });
  if (!(Number.isInteger(dimension) && dimension >= 1 && dimension <= space.dimension)) {
    throw invalid('dimension', `1 to ${space.dimension} for this data set`, dimension);
  }
  const judge = await createJudge({ space, data: held, matmul, signal: recipe.signal });
  const forms = await chooseClosedForms({ space, dimension, judge, matmul });
  const candidate = await trainFromBestStart({ space, starts: [forms.pca, forms.lda], judge, recipe });

  const final = options.refit ? await openSpace({ data, inputs, matmul }) : space;
  const heads: FittedHead[] = [];
  for (const { method, chosen, project } of Object.values(forms)) {
    heads.push({ method, chosen, map: await toMap(final, await project(final), matmul) });
  }
  const { start, epoch, epochs, learningRate } = candidate;
  heads.push({
    method: 'PFML',
    chosen: { start: start.method, ...start.chosen, epoch, epochs, learningRate },
    map: await toMap(
      final,
      options.refit ? await retrain({ space: final, candidate, recipe }) : candidate.head,
      matmul,
    ),
  });
  const scores = [...Object.values(forms), candidate].map(({ validation }) => validation);
  const validation = [
    ...(await evaluateHeads({ heads: [], data: held, inputs, matmul })),
    ...heads.map(({ method, map }, i) => ({ method, dimension: map.outputs, scores: scores[i]! })),
  ];
  return { heads, validation };
}

export function pickRows(data: Labelled, rows: readonly number[], inputs: number): Labelled {
  const features = new Float32Array(rows.length * inputs);
  rows.forEach((row, i) => {
    features.set(data.features.subarray(row * inputs, (row + 1) * inputs), i * inputs);
  });
  return { features, labels: rows.map((row) => data.labels[row]!) };
}
