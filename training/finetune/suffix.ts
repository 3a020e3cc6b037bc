// A backbone in two: the frozen prefix as a model of its own, and the suffix as nodes and float32 constants that a training
// graph can be made of. Which of the constants are weights is decided here; training them is not (network.ts).

import { AttractorError } from '../../src/errors/error.ts';
import { fingerprint } from '../../src/model/fingerprint.ts';
import type { LoadedModel } from '../../src/model/load.ts';
import { attr } from '../../src/onnx/build.ts';
import { decodeModel, encodeModel } from '../../src/onnx/codec.ts';
import { cutGraph } from '../../src/onnx/edit.ts';
import type { Graph, Node, OnnxModel, Tensor } from '../../src/onnx/model.ts';
import { scalar } from '../../src/onnx/tensor.ts';
import { cutFor } from './cuts.ts';
import { toTrainingOpset } from './opset.ts';
import { probeValues, type Rows, toFront } from './probe.ts';
import { constantsOf, weightsOf } from './trainable.ts';

/** How activations are kept: float16 halves the disk, at a rounding of at most 2^-11 of each number (0.05 %). */
export type Precision = 'float16' | 'float32';

export interface Prefix extends Rows {
  /** Images [batch, 3, height, width] to activations [batch, ...dims] of `precision`; in the backbone the batch is `axis` of them. */
  readonly model: OnnxModel;
  readonly input: string;
  readonly output: string;
  readonly precision: Precision;
  /** `sha256:<hex>` of graph, precision and preprocessing: equal ones give equal activations. */
  readonly fingerprint: string;
}

export interface Weight {
  /** Its name in the backbone's graph. */
  readonly name: string;
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

export interface Suffix {
  /** The value that it begins with. */
  readonly cut: string;
  /** In the operator set of training graphs, in order. */
  readonly nodes: readonly Node[];
  readonly weights: readonly Weight[];
  /** Everything else that the nodes read, for batches of this size. */
  constants(batch: number): ReadonlyMap<string, Tensor>;
  /** Value of [batch, features]. */
  readonly output: string;
  readonly features: number;
}

export interface SplitBackbone {
  /** The backbone's whole graph. */
  readonly model: OnnxModel;
  readonly prefix: Prefix;
  readonly suffix: Suffix;
}

const LARGEST_HALF = 65504;

/**
 * Cuts `backbone` for what `train` says (cuts.ts). Constants are computed by the runtime that serves them, so a weight behind
 * DequantizeLinear starts at exactly the number it has in serving. Throws `invalid_argument` on an unknown place, and
 * `onnx_unsupported` where the suffix cannot be trained: nothing in it has float32 weights of its own, the value at the cut
 * has no row per image, or an operator is of a set that training does not know.
 */
export async function splitBackbone(options: {
  backbone: LoadedModel;
  train: string;
  precision?: Precision;
}): Promise<SplitBackbone> {
  const { backbone, train, precision = 'float16' } = options;
  const { preprocess } = backbone.manifest;
  const model = decodeModel(backbone.graph);
  const { graph } = model;
  const cut = cutFor(train, graph);
  const output = graph.outputs[0]!.name;
  const { computed, shapes } = constantsOf(graph);
  const isConstant = (name: string) => computed.has(name) || shapes.has(name);
  const behind = nodesBehind(graph, cut).filter(({ outputs }) => !outputs.some(isConstant));
  const read = [...new Set(behind.flatMap(({ inputs }) => inputs))].filter((name) => name !== '');
  const made = read.filter(isConstant);
  const probe = await probeValues({ model, names: [cut, ...made], ...preprocess });

  const fixed = new Map<string, Tensor>();
  for (const name of read) {
    const tensor = graph.initializers.get(name) ?? (computed.has(name) ? probe.constant(name, 1) : undefined);
    if (tensor) fixed.set(name, tensor);
  }
  // Weights that the prefix computes with too stay as they are: the prefix is frozen.
  const before = graph.nodes.filter((node) => !behind.includes(node) && !node.outputs.some(isConstant));
  const frozen = new Set(before.flatMap(({ inputs }) => inputs));
  const sizeOf = (name: string) => {
    const tensor = fixed.get(name);
    return tensor?.type === 'float32' && !frozen.has(name) ? tensor.data.length : undefined;
  };
  const names = [...new Set(behind.flatMap((node) => weightsOf(node, sizeOf)))];
  if (names.length === 0) throw nothingToTrain(cut, train);
  const weights = names.map((name) => {
    const { dims, data } = fixed.get(name)!;
    fixed.delete(name);
    return { name, dims, data: Float32Array.from(data as Float32Array) };
  });
  const constant = (tensor: Tensor) => {
    const name = `attractor/upgraded_${fixed.size}`;
    fixed.set(name, tensor);
    return name;
  };
  const nodes = behind.map((node) => toTrainingOpset({ node, opset: model.opset, constant }));
  const ofBatch = made.filter((name) => shapes.has(name));
  return {
    model,
    prefix: prefixModel({ model, cut, rows: probe.rows(cut), precision, backbone }),
    suffix: {
      ...{ cut, nodes, weights, output, features: backbone.manifest.dimension },
      constants: (batch) =>
        new Map([...fixed, ...ofBatch.map((name) => [name, probe.constant(name, batch)] as const)]),
    },
  };
}

/** Nodes between the value `cut` and the graph's output, in order. */
function nodesBehind(graph: Graph, cut: string): Node[] {
  const needed = new Set([graph.outputs[0]!.name]);
  const kept = graph.nodes.toReversed().filter((node) => {
    if (!node.outputs.some((name) => needed.has(name) && name !== cut)) return false;
    for (const name of node.inputs) needed.add(name);
    return true;
  });
  return kept.reverse();
}

const nothingToTrain = (cut: string, train: string) =>
  new AttractorError('onnx_unsupported', `train: nothing behind "${cut}" has float32 weights of its own`, {
    field: 'train',
    expected: 'a place with float32 weights behind it',
    received: train,
  });

function prefixModel(options: {
  model: OnnxModel;
  cut: string;
  rows: Rows;
  precision: Precision;
  backbone: LoadedModel;
}): Prefix {
  const { model, cut, rows, precision, backbone } = options;
  const { input, preprocess } = backbone.manifest;
  const output = 'attractor/activations';
  const before = cutGraph({ model, outputs: [{ name: cut, type: 'float32', dims: [] }] });
  const initializers = new Map(before.graph.initializers);
  const nodes = [...before.graph.nodes];
  const append = (op: string, inputs: string[], name: string, attributes = {}) =>
    nodes.push({ op, name, inputs, outputs: [name], attributes, domain: '' });
  const front = rows.axis === 0 ? cut : 'attractor/front';
  if (front !== cut) append('Transpose', [cut], front, { perm: attr.ints(toFront(rows)) });
  if (precision === 'float16') {
    // A number beyond the largest half would be cast to infinity.
    initializers.set('attractor/low', scalar(-LARGEST_HALF)).set('attractor/high', scalar(LARGEST_HALF));
    append('Clip', [front, 'attractor/low', 'attractor/high'], 'attractor/clipped');
    append('Cast', ['attractor/clipped'], output, { to: attr.int(10) });
  } else {
    append('Identity', [front], output);
  }
  const outputs = [{ name: output, type: precision, dims: ['batch', ...rows.dims] }];
  const { inputs } = model.graph;
  const cutModel = { ...before, graph: { name: 'prefix', inputs, outputs, initializers, nodes } };
  const identity = fingerprint({ graph: encodeModel(cutModel), preprocess });
  return { model: cutModel, input, output, ...rows, precision, fingerprint: identity };
}
