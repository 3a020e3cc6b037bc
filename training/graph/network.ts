// The Network port: what stands between a batch and its embeddings. A linear head on cached features is one; the last blocks of
// a backbone with a head on top is another. Knows no loss and no optimiser.

import type { ValueInfo } from '../../src/onnx/model.ts';
import type { Ops } from './ops.ts';

export interface Parameter {
  readonly name: string;
  readonly dims: readonly number[];
  readonly initial: Float32Array;
  readonly learningRateMultiplier: number;
  /** The run's weight decay times this; 1 by default. */
  readonly weightDecayMultiplier?: number;
  /** Starts from nothing learned, as a head on a backbone does: a warm-up of new parameters trains it. */
  readonly isNew?: boolean;
}

/** A tensor that is carried from step to step and not trained: running statistics, a memory. */
export interface Carried {
  readonly name: string;
  readonly dims: readonly number[];
  readonly initial: Float32Array;
}

export interface NetworkOutput {
  /** float32 [batch, dimension], rows of unit length. */
  readonly embeddings: string;
  /** For every buffer the value that it has in the next step. */
  readonly next?: Readonly<Record<string, string>>;
}

export interface Network {
  /** For graph names and checkpoints. */
  readonly name: string;
  /** Length of an embedding. */
  readonly dimension: number;
  /** What a batch is fed as, besides the labels: names, types and dims for `batch` samples. */
  inputs(batch: number): readonly ValueInfo[];
  readonly parameters: readonly Parameter[];
  readonly buffers?: readonly Carried[];
  /** Appends the network for `batch` samples; inputs, parameters and buffers are values under their own names. */
  build(ops: Ops, batch: number): NetworkOutput;
}
