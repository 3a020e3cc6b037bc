// The methods that `--loss` names: the closed forms and every loss, as trials of the race.

import { invalid } from '../src/errors/error.ts';
import type { Matmul } from './baselines/matmul.ts';
import { type ClosedForm, closedFormTrials } from './fit/closed-forms.ts';
import { trainedTrials } from './fit/trained-head.ts';
import type { Trial } from './fit/trial.ts';
import { LOSSES } from './losses/index.ts';
import { type Recipe, trainingOf } from './recipe.ts';

const CLOSED_FORMS: Readonly<Record<string, ClosedForm>> = { pca: 'PCA', lda: 'LDA', whitening: 'whitening' };

/** Everything that races under `auto`. */
export const METHODS: readonly string[] = [...Object.keys(CLOSED_FORMS), ...Object.keys(LOSSES)];

/** The name in tables: `PFML` for `pfml`. Throws `invalid_argument` on a name that is not a method. */
export function methodTitle(name: string): string {
  if (!METHODS.includes(name)) throw invalid('loss', `auto or one of ${METHODS.join(', ')}`, name);
  return CLOSED_FORMS[name] ?? LOSSES[name]!.title;
}

export function methodTrials(options: { recipe: Recipe; matmul: Matmul }): Trial[][] {
  const { recipe, matmul } = options;
  const { methods, dimension, trials: count } = recipe;
  return methods.map((name) => {
    const method = methodTitle(name);
    const form = CLOSED_FORMS[name];
    if (form !== undefined) return closedFormTrials({ form, dimension, count, matmul });
    const { create, searchSpace } = LOSSES[name]!;
    const losses = searchSpace.map((settings) => ({
      settings,
      loss: create(settings),
    }));
    return trainedTrials({ ...recipe, training: trainingOf(recipe), method, losses, count, matmul });
  });
}
