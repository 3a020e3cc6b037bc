// Network and loss as one forward graph of fixed dims: what an engine trains. Engines add the backward pass and the optimiser.

import { GraphBuilder } from '../../src/onnx/build.ts';
import type { OnnxModel } from '../../src/onnx/model.ts';
import { elementCount } from '../../src/onnx/tensor.ts';
import type { Loss, PartialLoss, Sizes } from '../losses/loss.ts';
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
  /** The same training in steps over lists, where the loss asks for it: partialEngine runs them, an engine alone would run all. */
  readonly partial?: PartialGraph;
}

export interface PartialGraph {
  /** The graph of a step; only its initial values are not those of the whole. */
  sized(sizes: Sizes): TrainingGraph;
  /** Inputs: the network's, its parameters and buffers. One output: the embeddings [batch, dimension]. */
  readonly network: OnnxModel;
  open: PartialLoss['open'];
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
  for (const list of loss.inputs ?? []) builder.input(list);

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
    partial: partialGraph(options),
  };
}

function partialGraph(options: TrainingGraphOptions): PartialGraph | undefined {
  const { network, loss, batch, classes } = options;
  const shape = { classes, dimension: network.dimension };
  const partial = loss.partial?.({ ...shape, batch });
  if (!partial) return undefined;
  const builder = new GraphBuilder();
  for (const input of network.inputs(batch)) builder.input(input);
  for (const { name, dims } of [...network.parameters, ...(network.buffers ?? [])]) {
    builder.input({ name, type: 'float32', dims });
  }
  const { embeddings } = network.build(new Ops(builder), batch);
  builder.output(embeddings, 'float32', [batch, network.dimension]);
  return {
    open: partial.open,
    network: builder.build({ name: network.name, opset: OPSET }),
    sized(sizes) {
      const loss = partial.sized(sizes);
      const zeros = loss
        .parameters(shape)
        .map(({ name, dims }) => [name, new Float32Array(elementCount(dims))]);
      return buildTrainingGraph({ ...options, loss, initialLoss: Object.fromEntries(zeros) });
    },
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
