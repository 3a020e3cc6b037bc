// Network and loss as one forward graph of fixed dims: what an engine trains. Engines add the backward pass and the optimiser.

import { GraphBuilder } from '../../src/onnx/build.ts';
import type { OnnxModel } from '../../src/onnx/model.ts';
import type { Loss } from '../losses/loss.ts';
import type { Carried, Network, Parameter } from './network.ts';
import { OPSET, Ops } from './ops.ts';

export interface TrainedParameter extends Parameter {
  /** Value [rows, 1] of 0 and 1: rows where it is 0 are left as they are, moments too. Absent: all are updated. */
  readonly touched?: string;
}

export interface GraphBuffer extends Carried {
  /** The value of the graph that this buffer has in the next step. */
  readonly next: string;
}

export interface TrainingGraph {
  /** Inputs: parameters and buffers by their names, and the batch. One output: the loss, of one element. */
  readonly model: OnnxModel;
  readonly parameters: readonly TrainedParameter[];
  readonly buffers: readonly GraphBuffer[];
}

export interface TrainingGraphOptions {
  readonly network: Network;
  readonly loss: Loss;
  readonly batch: number;
  readonly classes: number;
  /** Start values of the loss's parameters, by name. */
  readonly initialLoss: Readonly<Record<string, Float32Array>>;
}

/**
 * Batch inputs: the network's, `labels` int32 [batch], and one float32 scalar for each number that the loss has scheduled.
 * Parameters: the network's, then the loss's; names must differ.
 */
export function buildTrainingGraph(options: TrainingGraphOptions): TrainingGraph {
  const { network, loss, batch, classes, initialLoss } = options;
  const shape = { classes, dimension: network.dimension };
  const ofLoss = loss.parameters(shape).map(({ initial: _, ...declared }) => {
    return { ...declared, initial: initialLoss[declared.name]!, isNew: true };
  });
  const carriedByLoss = (loss.buffers?.({ ...shape, batch }) ?? []).map(({ name, dims, initial }) => {
    return { name, dims, initial: initial() };
  });
  const parameters: Parameter[] = [...network.parameters, ...ofLoss];
  const carried: Carried[] = [...(network.buffers ?? []), ...carriedByLoss];

  const builder = new GraphBuilder();
  for (const input of network.inputs(batch)) builder.input(input);
  const labels = builder.input({ name: 'labels', type: 'int32', dims: [batch] });
  for (const { name, dims } of [...parameters, ...carried]) builder.input({ name, type: 'float32', dims });
  const scheduled = Object.keys(loss.scheduled ?? {});
  for (const name of scheduled) builder.input({ name, type: 'float32', dims: [] });

  const ops = new Ops(builder);
  const { embeddings, next: ofNetwork } = network.build(ops, batch);
  const built = loss.build({
    ...{ ops, embeddings, labels, batch, ...shape },
    parameters: own(ofLoss.map(({ name }) => name)),
    buffers: own(carriedByLoss.map(({ name }) => name)),
    scheduled: own(scheduled),
  });
  builder.output(built.loss, 'float32', []);
  const next = { ...ofNetwork, ...built.next };
  return {
    model: builder.build({ name: `${network.name}-${loss.name}`, opset: OPSET }),
    parameters: parameters.map((parameter) => ({ ...parameter, touched: built.touched?.[parameter.name] })),
    buffers: carried.map((buffer) => ({ ...buffer, next: next[buffer.name]! })),
  };
}

const own = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, name]));

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
