// What a loss is to the trainer: parameters it brings along, and nodes that make a scalar out of embeddings and labels.
// Its derivative is autodiff's business, its pace the optimiser's.

import type { Rng } from '../../src/math/rng.ts';
import type { Ops } from '../graph/ops.ts';

export interface LossShape {
  readonly classes: number;
  /** Length of an embedding. */
  readonly dimension: number;
}

export interface LossParameter {
  readonly name: string;
  readonly dims: readonly number[];
  /** Its learning rate is the head's times this. */
  readonly learningRateMultiplier: number;
  /** Start values. `classMeans`: unit rows [classes, dimension], the mean of each class under the head that training starts from. */
  initial(context: { readonly rng: Rng; classMeans(): Float32Array }): Float32Array;
}

export interface LossInput extends LossShape {
  readonly ops: Ops;
  /** Value of dims [batch, dimension], rows of unit length. */
  readonly embeddings: string;
  /** int32 value of dims [batch]: class index of every row. */
  readonly labels: string;
  readonly batch: number;
  /** Values of the declared parameters, by name. */
  readonly parameters: Readonly<Record<string, string>>;
}

export interface Loss {
  readonly name: string;
  /** Every option with its value, for reports and checkpoints. */
  readonly options: Readonly<Record<string, unknown>>;
  parameters(shape: LossShape): readonly LossParameter[];
  /** Appends the loss to the graph and returns the name of the scalar. */
  build(input: LossInput): string;
}
