// The heads that need no training, each with the shrinkages that the race tries.

import { fitLda, fitWithinClassWhitening } from '../baselines/discriminant.ts';
import type { Matmul } from '../baselines/matmul.ts';
import { leadingComponents, type Projection, type Space } from './space.ts';
import type { Trial } from './trial.ts';

export type ClosedForm = 'PCA' | 'LDA' | 'PLDA' | 'whitening';

/** Multiples of the mean variance within classes. */
const SHRINKAGES = [0.3, 1, 0.1, 3];
/** fitLda's (docs/training.md has what others give). */
const SPREAD = 0.1;
const DAMPING = 0.1;

export interface ClosedFormOptions {
  readonly form: ClosedForm;
  readonly dimension: number;
  readonly shrinkage: number;
  readonly matmul: Matmul;
}

/** To `dimension`, but for within-class whitening: it has no order of directions to be cut by, and keeps those of the space. */
export async function fitClosedForm(space: Space, options: ClosedFormOptions): Promise<Projection> {
  const { form, dimension: outputs, shrinkage, matmul } = options;
  const { scatter } = space;
  if (form === 'PCA') return leadingComponents(space, outputs);
  if (form === 'whitening') {
    return { outputs: scatter.dimension, data: fitWithinClassWhitening({ scatter, shrinkage }) };
  }
  const damping = form === 'PLDA' ? DAMPING : 0;
  return { outputs, data: await fitLda({ scatter, outputs, shrinkage, spread: SPREAD, damping, matmul }) };
}

/** At most `count` of them. */
export function closedFormTrials(options: {
  form: ClosedForm;
  dimension: number;
  count: number;
  matmul: Matmul;
}): Trial[] {
  const { form, count } = options;
  const shrinkages = form === 'PCA' ? [0] : SHRINKAGES.slice(0, count);
  return shrinkages.map((shrinkage): Trial => {
    const solve = (space: Space) => fitClosedForm(space, { ...options, shrinkage });
    return {
      method: form,
      settings: form === 'PCA' ? {} : { shrinkage },
      identity: JSON.stringify([form, options.dimension, shrinkage]),
      ownLength: form === 'whitening',
      explore: async (space, judge) => {
        await judge(await solve(space));
      },
      fit: solve,
    };
  });
}
