// Runs one training graph on the ort engine and on tfjs, for tests: the largest differences of loss and gradients.

import { createRng } from '../../../src/math/rng.ts';
import { GraphBuilder } from '../../../src/onnx/build.ts';
import type { OnnxModel } from '../../../src/onnx/model.ts';
import { elementCount, f32 } from '../../../src/onnx/tensor.ts';
import { inferDims } from '../../../training/autodiff/gradients.ts';
import type { Batch, CreateEngine } from '../../../training/engine/engine.ts';
import { createOrtEngine } from '../../../training/engine/ort.ts';
import { createTfjsEngine } from '../../../training/engine/tfjs.ts';
import { OPSET, Ops } from '../../../training/graph/ops.ts';
import { continueGraph, type TrainingGraph } from '../../../training/graph/training-graph.ts';
import { ADAMW } from '../../../training/optim/optimizer.ts';

export interface Difference {
  readonly loss: number;
  /** Of the loss, relative to it (at least 1). */
  readonly lossError: number;
  /** Of every gradient, relative to its largest entry, by parameter. */
  readonly gradients: Readonly<Record<string, number>>;
}

/** The two engines on the same graph and batch. */
export async function difference(
  graph: TrainingGraph,
  batch: Batch,
  createTfjs: CreateEngine = createTfjsEngine,
): Promise<Difference> {
  const options = { graph, optimizer: ADAMW, threads: 1 };
  const [ort, tfjs] = await Promise.all([createOrtEngine(options), createTfjs(options)]);
  try {
    const expected = await ort.gradients(batch);
    const received = await tfjs.gradients(batch);
    const gradients: Record<string, number> = {};
    for (const [name, wanted] of expected.gradients) {
      gradients[name] = worst(received.gradients.get(name)!, wanted);
    }
    const lossError = Math.abs(received.loss - expected.loss) / Math.max(1, Math.abs(expected.loss));
    return { loss: expected.loss, lossError, gradients };
  } finally {
    await Promise.all([ort.close(), tfjs.close()]);
  }
}

/** Largest difference, relative to the largest number expected. NaN where either has one. */
function worst(received: Float32Array, expected: Float32Array): number {
  if (received.length !== expected.length) return Number.POSITIVE_INFINITY;
  let [off, largest] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    off = Math.max(off, Math.abs(received[i]! - expected[i]!));
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return largest === 0 ? off : off / largest;
}

export interface Piece {
  readonly inputs: readonly (readonly number[])[];
  /** Inputs are drawn from here. */
  readonly range?: readonly [number, number];
  /** Appends what is compared; the inputs are parameters. */
  readonly y: (ops: Ops, ...inputs: string[]) => string;
}

/** Σ (y³ + 0.3 y), so that every number of y has a gradient of its own, by all inputs. */
export function pieceGraph({ inputs, range: [low, high] = [-1, 1], y }: Piece): TrainingGraph {
  const rng = createRng(7);
  const ops = new Ops(new GraphBuilder());
  const parameters = inputs.map((dims, i) => ({
    ...{ name: `x${i}`, dims, learningRateMultiplier: 1 },
    initial: Float32Array.from({ length: elementCount(dims) }, () => low + (high - low) * rng.next()),
  }));
  for (const { name, dims } of parameters) ops.builder.input({ name, type: 'float32', dims });
  const output = y(ops, ...parameters.map(({ name }) => name));
  ops.builder.output(ops.sum(ops.mul(output, ops.add(ops.mul(output, output), 0.3))), 'float32', []);
  return { model: ops.builder.build({ name: 'piece', opset: OPSET }), parameters, buffers: [] };
}

/** Σ c · y / size with a random c for every number of the model's output, by some of its initialisers. Dims are fixed. */
export function modelGraph(model: OnnxModel, parameters: readonly string[]): TrainingGraph {
  const { graph } = model;
  const rng = createRng(9);
  const initial = (name: string) => graph.initializers.get(name)!;
  const fed = parameters.map((name) => ({ name, type: 'float32' as const, dims: initial(name).dims }));
  const builder = continueGraph({
    ...model,
    graph: {
      ...graph,
      inputs: [...graph.inputs, ...fed],
      initializers: new Map([...graph.initializers].filter(([name]) => !parameters.includes(name))),
    },
  });
  const y = graph.outputs[0]!.name;
  const dims = inferDims(graph).get(y)!;
  const c = Float32Array.from({ length: elementCount(dims) }, () => rng.normal());
  const ops = new Ops(builder);
  builder.output(ops.mean(ops.mul(y, builder.constant(f32(dims, c)))), 'float32', []);
  return {
    model: builder.build({ name: graph.name, opset: model.opset }),
    parameters: fed.map(({ name, dims: shape }) => ({
      ...{ name, dims: shape, learningRateMultiplier: 1 },
      initial: initial(name).data as Float32Array,
    })),
    buffers: [],
  };
}
