// The Engine port: runs a training graph, one optimiser step at a time. Knows batches and parameters by name and nothing of
// heads, losses or epochs.

import type { Tensor } from '../../src/onnx/model.ts';
import type { Provider } from '../../src/runtime/session.ts';
import type { TrainingGraph } from '../graph/training-graph.ts';
import type { Optimizer } from '../optim/optimizer.ts';

/** The graph's inputs that are not parameters, by name. */
export type Batch = Readonly<Record<string, Tensor>>;

/**
 * All that a run needs to go on: parameters and buffers by name, the optimiser's tensors as `<parameter>/<slot>` (slotsOf in
 * ../optim/optimizer.ts), and with `ema` the averages as `<parameter>/average`.
 */
export interface EngineState {
  /** Optimiser steps done. */
  readonly step: number;
  readonly tensors: ReadonlyMap<string, Float32Array>;
}

export interface Engine {
  /** One forward, backward and optimiser step at this learning rate; returns the loss before it. */
  step(batch: Batch, learningRate: number): Promise<number>;
  /** Loss and gradients at the present parameters, before clipping; changes nothing. */
  gradients(batch: Batch): Promise<{ loss: number; gradients: ReadonlyMap<string, Float32Array> }>;
  /** The present values; a later step leaves these arrays alone. */
  state(): EngineState;
  /** Takes over a state of the same graph. Throws `checkpoint_invalid` where names or sizes differ. */
  restore(state: EngineState): void;
  close(): Promise<void>;
}

export interface EngineOptions {
  readonly graph: TrainingGraph;
  readonly optimizer: Optimizer;
  /** Largest size of any one number in a gradient; not limited by default. Comes before clipNorm. */
  readonly clipValue?: number;
  /** Largest global norm of the gradients; not limited by default. */
  readonly clipNorm?: number;
  /** Decay of the moving average of every parameter (averageDecay in ../optim/optimizer.ts); none is kept by default. */
  readonly ema?: number;
  readonly providers?: readonly Provider[];
  /** Threads inside one operator. Equal counts give equal bits. */
  readonly threads?: number;
}

export type CreateEngine = (options: EngineOptions) => Promise<Engine>;
