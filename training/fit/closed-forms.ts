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

/** PCA and LDA to `dimension`; probabilistic LDA and within-class whitening in all directions of the space, whatever `dimension` is. */
export async function fitClosedForm(space: Space, options: ClosedFormOptions): Promise<Projection> {
  const { form, dimension, shrinkage, matmul } = options;
  const { scatter } = space;
  const { dimension: all } = scatter;
  if (form === 'PCA') return leadingComponents(space, dimension);
  if (form === 'LDA') {
    return {
      outputs: dimension,
      data: await fitLda({ scatter, outputs: dimension, shrinkage, spread: SPREAD, matmul }),
    };
  }
  if (form === 'PLDA') {
    return {
      outputs: all,
      data: await fitLda({ scatter, outputs: all, shrinkage, spread: SPREAD, damping: DAMPING, matmul }),
    };
  }
  return { outputs: all, data: fitWithinClassWhitening({ scatter, shrinkage }) };
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
      ownLength: form === 'PLDA' || form === 'whitening',
      explore: async (space, judge) => {
        await judge(await solve(space));
      },
      fit: solve,
    };
  });
}
