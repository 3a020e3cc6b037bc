// The methods that `--loss` names: the closed forms and every loss, as trials of the race.

import { invalid } from '../src/errors/error.ts';
import type { Matmul } from './baselines/matmul.ts';
import { type ClosedForm, closedFormTrials } from './fit/closed-forms.ts';
import { trainedTrials } from './fit/trained-head.ts';
import type { Trial } from './fit/trial.ts';
import { LOSSES } from './losses/index.ts';
import { type Recipe, trainingOf } from './recipe.ts';

const CLOSED_FORMS: Readonly<Record<string, ClosedForm>> = {
  pca: 'PCA',
  lda: 'LDA',
  plda: 'PLDA',
  whitening: 'whitening',
};

/** Everything that races under `auto`. */
export const METHODS: readonly string[] = [...Object.keys(CLOSED_FORMS), ...Object.keys(LOSSES)];

/** The name in tables: `PFML` for `pfml`. Throws `invalid_argument` on a name that is not a method. */
export function methodTitle(name: string): string {
  if (!METHODS.includes(name)) throw invalid('loss', `one of ${METHODS.join(', ')}`, name);
  return CLOSED_FORMS[name] ?? LOSSES[name]!.title;
}

/** For each method of the recipe its trials, for embeddings of a length. */
export function methodTrials(options: { recipe: Recipe; matmul: Matmul }): (dimension: number) => Trial[][] {
  const { recipe, matmul } = options;
  const { methods, trials: count } = recipe;
  const trialsOf = (name: string, dimension: number): Trial[] => {
    const method = methodTitle(name);
    const form = CLOSED_FORMS[name];
    if (form !== undefined) return closedFormTrials({ form, dimension, count, matmul });
    const { create, searchSpace } = LOSSES[name]!;
    const losses = searchSpace.map((settings) => ({
      settings,
      loss: create(settings),
    }));
    const training = trainingOf(recipe);
    return trainedTrials({ ...recipe, dimension, training, method, losses, count, matmul });
  };
  return (dimension) => methods.map((name) => trialsOf(name, dimension));
}
