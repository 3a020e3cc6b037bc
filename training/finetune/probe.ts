// What a graph says when it is run on blank images: the dims of a value, and the numbers in values that do not depend on the
// image. The runtime computes them, so they are exactly what serving computes.

import { AttractorError } from '../../src/errors/error.ts';
import { encodeModel } from '../../src/onnx/codec.ts';
import { cutGraph } from '../../src/onnx/edit.ts';
import type { Graph, Node, OnnxModel, Tensor, TensorType } from '../../src/onnx/model.ts';
import { f32 } from '../../src/onnx/tensor.ts';
import { DATA_TYPE } from '../../src/onnx/tensor-codec.ts';
import { openSession } from '../../src/runtime/session.ts';

/** Two batch sizes show which numbers of a shape are the batch's. */
const BATCHES = [2, 3] as const;

/** Where in a value its images are, and the dims of one. Transformers may have their tokens first: [tokens, batch, numbers]. */
export interface Rows {
  readonly axis: number;
  readonly dims: readonly number[];
}

export interface Probe {
  /** Of a float32 value with a row for each image. Throws `onnx_unsupported` where the value is something else. */
  rows(name: string): Rows;
  /** A value that the image does not change, for batches of this size: what grows with the batch grows evenly. */
  constant(name: string, batch: number): Tensor;
}

const identity = (input: string, output: string): Node => ({
  ...{ op: 'Identity', name: output, inputs: [input], outputs: [output], attributes: {}, domain: '' },
});

/** Runs `model` on blank images of this size, once per probed batch; `names` are the values to look at. */
export async function probeValues(options: {
  model: OnnxModel;
  names: readonly string[];
  width: number;
  height: number;
}): Promise<Probe> {
  const { model, names, width, height } = options;
  const [input] = model.graph.inputs;
  const typeOf = valueTypes(model.graph);
  // The image is looked at too: the runtime opens no graph in which nothing depends on an input.
  const all = [...new Set([input!.name, ...names])];
  // Each through an Identity: the runtime takes the dims that an output is declared with for the value's own.
  const taps = all.map((name, i) => ({ name: `attractor/probe_${i}`, type: typeOf(name), dims: ['any'] }));
  const nodes = [...model.graph.nodes, ...all.map((name, i) => identity(name, taps[i]!.name))];
  const cut = cutGraph({ model: { ...model, graph: { ...model.graph, nodes } }, outputs: taps });
  const runs: Record<string, Tensor>[] = [];
  const session = await openSession({ model: encodeModel(cut), threads: 1 });
  try {
    for (const batch of BATCHES) {
      const image = f32([batch, 3, height, width], new Float32Array(batch * 3 * height * width));
      const values = await session.run({ [input!.name]: image });
      runs.push(Object.fromEntries(all.map((name, i) => [name, values[taps[i]!.name]!])));
    }
  } finally {
    await session.release();
  }
  const pair = (name: string) => runs.map((values) => values[name]!) as [Tensor, Tensor];
  return {
    rows(name) {
      const [a, b] = pair(name);
      const axis = a.dims.findIndex((dim, i) => dim === BATCHES[0] && b.dims[i] === BATCHES[1]);
      const [dims, others] = [a.dims.toSpliced(axis, 1), b.dims.toSpliced(axis, 1)];
      if (a.type === 'float32' && axis >= 0 && dims.join() === others.join()) return { axis, dims };
      throw unsupported(
        name,
        `is ${a.type} [${a.dims}] for ${BATCHES[0]} images, not float32 with a row for each`,
      );
    },
    constant(name, batch) {
      const [a, b] = pair(name);
      if (a.dims.join() === b.dims.join() && sameNumbers(a, b)) return a;
      if (
        !(a.data instanceof BigInt64Array && b.data instanceof BigInt64Array) ||
        a.data.length !== b.data.length
      ) {
        throw unsupported(name, 'is computed from the batch size and is not a shape');
      }
      const [from, to] = [a.data, b.data];
      const data = from.map((x, i) => x + (to[i]! - x) * BigInt(batch - BATCHES[0]));
      return { type: 'int64', dims: a.dims, data };
    },
  };
}

/** The `perm` of a Transpose that puts the images of a value in front, and of the one that puts them back. */
export function toFront({ axis, dims }: Rows): number[] {
  const others = Array.from({ length: dims.length + 1 }, (_, i) => i).filter((i) => i !== axis);
  return [axis, ...others];
}
export const fromFront = ({ axis, dims }: Rows): number[] =>
  Array.from(dims, (_, i) => i + 1).toSpliced(axis, 0, 0);

const sameNumbers = (a: Tensor, b: Tensor) =>
  a.data.length === b.data.length && a.data.every((x: number | bigint, i: number) => x === b.data[i]);

const unsupported = (name: string, what: string) =>
  new AttractorError('onnx_unsupported', `the value "${name}" ${what}`, { field: name });

const TYPES = new Map(Object.entries(DATA_TYPE).map(([type, code]) => [code as number, type as TensorType]));
const COMPARISONS = [
  'Equal',
  'Greater',
  'GreaterOrEqual',
  'Less',
  'LessOrEqual',
  'And',
  'Or',
  'Not',
  'IsNaN',
];

/** Element types, which a graph does not say for inner values but wants to be told of its outputs. */
function valueTypes(graph: Graph): (name: string) => TensorType {
  const types = new Map<string, TensorType>();
  for (const { name, type } of graph.inputs) types.set(name, type);
  for (const [name, { type }] of graph.initializers) types.set(name, type);
  for (const node of graph.nodes) {
    const type = outputType(node, (i) => types.get(node.inputs[i] ?? '') ?? 'float32');
    for (const name of node.outputs) types.set(name, type);
  }
  return (name) => types.get(name) ?? 'float32';
}

function outputType({ op, attributes }: Node, input: (i: number) => TensorType): TensorType {
  const { to, value } = attributes;
  if (op === 'Shape' || op === 'Size') return 'int64';
  if (COMPARISONS.includes(op)) return 'bool';
  if (op === 'Cast' && to?.kind === 'int') return TYPES.get(to.value) ?? 'float32';
  if (op === 'Constant' || op === 'ConstantOfShape') {
    if (value?.kind === 'tensor') return value.value.type;
    return 'value_int' in attributes || 'value_ints' in attributes ? 'int64' : 'float32';
  }
  // The scale of DequantizeLinear and the first choice of Where have the type of what comes out.
  return input(op === 'DequantizeLinear' || op === 'Where' ? 1 : 0);
}
