// The training graph of a head on cached features: linear map without bias, rows to unit length, loss. Forward only:
// engines add the backward pass and the optimiser.

import { GraphBuilder } from '../../src/onnx/build.ts';
import type { OnnxModel } from '../../src/onnx/model.ts';
import type { Loss } from '../losses/loss.ts';
import { OPSET, Ops } from './ops.ts';

export interface Parameter {
  readonly name: string;
  readonly dims: readonly number[];
  readonly initial: Float32Array;
  readonly learningRateMultiplier: number;
}

/** What an engine trains: a forward graph of fixed dims whose inputs are a batch and the parameters. */
export interface TrainingGraph {
  /** Inputs: the parameters by their names, and the batch. One output: the loss, of one element. */
  readonly model: OnnxModel;
  readonly parameters: readonly Parameter[];
}

export interface HeadGraphOptions {
  readonly batch: number;
  readonly classes: number;
  readonly dimensionIn: number;
  readonly dimension: number;
  readonly loss: Loss;
  /** [dimensionIn, dimension], row-major. */
  readonly initialHead: Float32Array;
  /** Start values of the loss's parameters, by name. */
  readonly initialLoss: Readonly<Record<string, Float32Array>>;
}

/** Batch inputs: `features` float32 [batch, dimensionIn] and `labels` int32 [batch]. Parameters: `head`, then the loss's. */
export function buildHeadGraph(options: HeadGraphOptions): TrainingGraph {
  const { batch, classes, dimensionIn, dimension, loss, initialHead, initialLoss } = options;
  const parameters: Parameter[] = [
    { name: 'head', dims: [dimensionIn, dimension], initial: initialHead, learningRateMultiplier: 1 },
    ...loss.parameters({ classes, dimension }).map(({ name, dims, learningRateMultiplier }) => ({
      name,
      dims,
      initial: initialLoss[name]!,
      learningRateMultiplier,
    })),
  ];
  const builder = new GraphBuilder();
  const features = builder.input({ name: 'features', type: 'float32', dims: [batch, dimensionIn] });
  const labels = builder.input({ name: 'labels', type: 'int32', dims: [batch] });
  for (const { name, dims } of parameters) builder.input({ name, type: 'float32', dims });

  const ops = new Ops(builder);
  const embeddings = ops.unitRows(ops.matmul(features, 'head'));
  const named = Object.fromEntries(parameters.map(({ name }) => [name, name]));
  const value = loss.build({ ops, embeddings, labels, batch, classes, dimension, parameters: named });
  builder.output(value, 'float32', []);
  return { model: builder.build({ name: `head-${loss.name}`, opset: OPSET }), parameters };
}

/** A builder that goes on where a graph ended. */
export function continueGraph({ graph }: OnnxModel): GraphBuilder {
  const builder = new GraphBuilder();
  for (const input of graph.inputs) builder.input(input);
  for (const [name, tensor] of graph.initializers) builder.initializer(name, tensor);
  for (const { op, inputs, attributes, name, outputs } of graph.nodes) {
    builder.node(op, inputs, attributes, { name, outputs });
  }
  return builder;
}
