// Does a trained head earn its place on this data? Frozen features, closed forms and the trained head on classes that none of
// them has seen, over several class splits. Exports nothing.

import { splitClasses } from '../src/dataset/split.ts';
import { invalid, refuseUnknown } from '../src/errors/error.ts';
import { createMatmul } from './baselines/matmul.ts';
import { evaluateHeads } from './fit/evaluate.ts';
import { fitHeads } from './fit/fit.ts';
import { pickRows, pickTraining } from './fit/space.ts';
import { methodTrials } from './methods.ts';
import { DATA_OPTIONS, type DataOptions, type Prepared, type Progress, prepare } from './prepare.ts';
import { RECIPE_OPTIONS, type RecipeOptions, resolveRecipe } from './recipe.ts';
import type { MethodScores } from './report/scores.ts';

export interface CompareOptions extends DataOptions, Omit<RecipeOptions, 'seed'> {
  /** Share of the classes that are unseen. Default 0.5. */
  readonly testClasses?: number;
  /** Each gives its own class splits, batches and start values. Default 1, 2, 3. */
  readonly seeds?: readonly number[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

export interface Comparison {
  readonly images: number;
  readonly classes: number;
  /** Per seed: the methods, always in the same order, on the unseen classes. */
  readonly runs: readonly { readonly seed: number; readonly results: readonly MethodScores[] }[];
  readonly problems: Prepared['problems'];
}

const KNOWN = [...DATA_OPTIONS, 'testClasses', 'seeds', 'signal', 'onProgress'];

/** Throws what prepare and fitHeads throw. */
export async function compare(options: CompareOptions): Promise<Comparison> {
  refuseUnknown(options, [...KNOWN, ...RECIPE_OPTIONS.filter((name) => name !== 'seed')], 'compare');
  const { testClasses = 0.5, seeds = [1, 2, 3], signal, onProgress } = options;
  if (!(testClasses > 0 && testClasses < 1))
    throw invalid('testClasses', 'a share between 0 and 1', testClasses);
  if (seeds.length === 0) throw invalid('seeds', 'one seed or more', seeds);
  resolveRecipe(options); // refuses what is wrong before the features are extracted
  const { backbone, data, rows, classes, problems } = await prepare(options);
  const inputs = backbone.manifest.dimension;
  const matmul = createMatmul();
  try {
    const runs: { seed: number; results: MethodScores[] }[] = [];
    for (const seed of seeds) {
      const split = splitClasses({ labels: data.labels, fraction: testClasses, seed });
      const recipe = resolveRecipe({ ...options, seed });
      const { heads } = await fitHeads({
        ...recipe,
        data: pickTraining(data, split.kept, inputs),
        methods: methodTrials({ recipe, matmul }),
        run: { seed, signal },
        ...{ inputs, matmul },
        onProgress: onProgress && ((p) => onProgress({ ...p, phase: `seed ${seed} ${p.phase}` })),
      });
      const unseen = pickRows(data, split.held, inputs);
      runs.push({ seed, results: await evaluateHeads({ heads, data: unseen, inputs, matmul, signal }) });
    }
    return { images: rows.length, classes, runs, problems };
  } finally {
    await matmul.release();
  }
}
