// What a loss is to the trainer: parameters it brings along, and nodes that make a scalar out of embeddings and labels.
// Its derivative is autodiff's business, its pace the optimiser's.

import type { Rng } from '../../src/math/rng.ts';
import type { Tensor, ValueInfo } from '../../src/onnx/model.ts';
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
  /** The run's weight decay times this; 1 by default. */
  readonly weightDecayMultiplier?: number;
  /** Start values. `classMeans`: unit rows [classes, dimension], the mean of each class under the head that training starts from. */
  initial(context: { readonly rng: Rng; classMeans(): Float32Array }): Float32Array;
}

/** A tensor that the loss carries from step to step and that is not trained: a memory of earlier embeddings, a running mean. */
export interface LossBuffer {
  readonly name: string;
  readonly dims: readonly number[];
  initial(): Float32Array;
}

export interface LossInput extends LossShape {
  readonly ops: Ops;
  /** Value of dims [batch, dimension], rows of unit length. */
  readonly embeddings: string;
  /** int32 value of dims [batch]: class index of every row. */
  readonly labels: string;
  readonly batch: number;
  /** Values of the declared parameters, buffers and scheduled numbers (scalars), by name. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly buffers: Readonly<Record<string, string>>;
  readonly scheduled: Readonly<Record<string, string>>;
}

export interface LossOutput {
  /** Value of one element. */
  readonly loss: string;
  /** For every declared buffer the value that it has in the next step. */
  readonly next?: Readonly<Record<string, string>>;
  /**
   * By parameter: a value [rows, 1] of 0 and 1. Where it is 0 the optimiser leaves the row and its moments as they are. A
   * parameter that is not named is updated everywhere.
   */
  readonly touched?: Readonly<Record<string, string>>;
}

export interface Loss {
  readonly name: string;
  /** Every option with its value, for reports and checkpoints. */
  readonly options: Readonly<Record<string, unknown>>;
  parameters(shape: LossShape): readonly LossParameter[];
  buffers?(shape: LossShape & { readonly batch: number }): readonly LossBuffer[];
  /** Numbers that change while training, by name: the value at `progress`, 0 for the first step and 1 after the last. */
  readonly scheduled?: Readonly<Record<string, (progress: number) => number>>;
  /** What else a step is fed, made on the host: inputs of the graph that `build` uses under their names. */
  readonly inputs?: readonly ValueInfo[];
  /** Appends the loss to the graph. */
  build(input: LossInput): LossOutput;
  /** The same loss one step at a time, where all of its pairs or parameters are too many for a graph; undefined where they are not. */
  partial?(shape: LossShape & { readonly batch: number }): PartialLoss | undefined;
}

/** Lengths of the lists of a step, by name. Steps of equal sizes share a graph. */
export type Sizes = Readonly<Record<string, number>>;

export interface PartialLoss {
  /**
   * The loss over lists of these lengths: parameters of which a step names rows have so many rows as that list is long, `inputs` are
   * the lists.
   */
  sized(sizes: Sizes): Loss;
  /** What makes the lists. It knows no parameters before `moved` has told them. */
  open(options: { readonly threads?: number }): Promise<StepLists>;
}

export interface StepLists {
  /** What the step at these embeddings [batch, dimension], labels and values of the loss's parameters and buffers works on. */
  lists(step: {
    readonly embeddings: Float32Array;
    readonly labels: Int32Array;
    readonly values: ReadonlyMap<string, Float32Array>;
  }): Promise<StepWork>;
  /** These rows of a parameter, or all of them, are new. */
  moved(parameter: string, values: Float32Array, rows?: Int32Array): Promise<void>;
  close(): Promise<void>;
}

export interface StepWork {
  readonly sizes: Sizes;
  readonly feeds: Readonly<Record<string, Tensor>>;
  /** By parameter: the rows of it, each once, that the step's graph holds and updates. What the graph has more is zero. */
  readonly rows: Readonly<Record<string, Int32Array>>;
}
