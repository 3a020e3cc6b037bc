// The heads that need no training, each with its shrinkage chosen on the validation classes.

import { fitLda, fitWithinClassWhitening } from '../baselines/discriminant.ts';
import type { Matmul } from '../baselines/matmul.ts';
import type { Scores } from '../report/scores.ts';
import { leadingComponents, type Projection, type Space } from './space.ts';

export interface ClosedForm {
  readonly method: 'PCA' | 'LDA' | 'whitening';
  readonly validation: Scores;
  readonly chosen: Readonly<Record<string, number>>;
  /** The same form with the same choice in any space. */
  project(space: Space): Promise<Projection>;
}

/** Multiples of the mean variance within classes. */
const SHRINKAGES = [0.1, 0.3, 1, 3];

/** PCA and LDA to `dimension`, within-class whitening in all directions of the space. */
export async function chooseClosedForms(options: {
  space: Space;
  dimension: number;
  judge: (projection: Projection) => Promise<Scores>;
  matmul: Matmul;
}): Promise<Record<'pca' | 'lda' | 'whitening', ClosedForm>> {
  const { space, dimension, judge, matmul } = options;
  const choose = async (
    method: ClosedForm['method'],
    shrinkages: readonly number[],
    solve: (space: Space, shrinkage: number) => Promise<Projection>,
  ): Promise<ClosedForm> => {
    let best: ClosedForm | undefined;
    for (const shrinkage of shrinkages) {
      const validation = await judge(await solve(space, shrinkage));
      if (best !== undefined && validation.mapAtR.value <= best.validation.mapAtR.value) continue;
      const chosen: ClosedForm['chosen'] = shrinkages.length > 1 ? { shrinkage } : {};
      best = { method, validation, chosen, project: (other) => solve(other, shrinkage) };
    }
    return best!;
  };
  return {
    pca: await choose('PCA', [0], async (s) => leadingComponents(s, dimension)),
    lda: await choose('LDA', SHRINKAGES, async ({ scatter }, shrinkage) => ({
      outputs: dimension,
      data: await fitLda({ scatter, outputs: dimension, shrinkage, matmul }),
    })),
    whitening: await choose('whitening', SHRINKAGES, async ({ scatter }, shrinkage) => ({
      outputs: scatter.dimension,
      data: fitWithinClassWhitening({ scatter, shrinkage }),
    })),
  };
}
