// Takes Expand out of a graph where the operators after it broadcast anyway: gradients of sums and means are one number per row
// or channel, and stay so small until they meet a tensor of full size. Same values to the bit, fewer passes over memory.

import { AttractorError } from '../../src/errors/error.ts';
import type { Graph, Node, OnnxModel } from '../../src/onnx/model.ts';
import { i64 } from '../../src/onnx/tensor.ts';
import { inferDims } from '../autodiff/gradients.ts';
import { broadcast, type Dims } from '../autodiff/rule.ts';

const ELEMENTWISE = new Set(
  'Add Sub Mul Div Max Min Pow Neg Sqrt Exp Log Cast Where Greater GreaterOrEqual Less LessOrEqual Equal'.split(
    ' ',
  ),
);

/** A value before it was expanded. */
interface Small {
  readonly name: string;
  readonly dims: Dims;
}

/** The same model without needless Expand nodes; as it is, where it has an operator whose dims autodiff does not know. */
export function lazyExpand(model: OnnxModel): OnnxModel {
  const { graph } = model;
  const dims = dimsOf(graph);
  if (dims === undefined) return model;
  const small = new Map<string, Small>();
  const initializers = new Map(graph.initializers);
  const nodes: Node[] = [];
  const sizeOf = (value: Dims) => value.reduce((product, size) => product * size, 1);

  const smallOf = (name: string): Small => small.get(name) ?? { name, dims: dims.get(name) ?? [] };
  /** Makes the expanded value after all, once. */
  const materialise = (name: string) => {
    const source = small.get(name);
    if (source === undefined) return;
    small.delete(name);
    const shape = `${name}/dims`;
    initializers.set(shape, i64(dims.get(name)!));
    nodes.push({
      op: 'Expand',
      name: `${name}/expand`,
      inputs: [source.name, shape],
      outputs: [name],
      attributes: {},
      domain: '',
    });
  };
  for (const node of graph.nodes) {
    const output = node.outputs[0]!;
    if (node.op === 'Expand') {
      const source = smallOf(node.inputs[0]!);
      if (sizeOf(source.dims) < sizeOf(dims.get(output)!)) {
        small.set(output, source);
        continue;
      }
    }
    if (ELEMENTWISE.has(node.op) && node.inputs.some((input) => small.has(input))) {
      const sources = node.inputs.map(smallOf);
      const own = broadcast(
        node,
        sources.map((source) => source.dims),
      );
      const full = own.join() === dims.get(output)!.join();
      const name = full ? output : `${output}/small`;
      nodes.push({ ...node, inputs: sources.map((source) => source.name), outputs: [name] });
      if (!full) small.set(output, { name, dims: own });
      continue;
    }
    for (const input of node.inputs) materialise(input);
    nodes.push(node);
  }
  for (const { name } of graph.outputs) materialise(name);
  return { ...model, graph: { ...graph, nodes, initializers } };
}

function dimsOf(graph: Graph): ReadonlyMap<string, Dims> | undefined {
  try {
    return inferDims(graph);
  } catch (error) {
    if (error instanceof AttractorError && error.code === 'onnx_unsupported') return undefined;
    throw error;
  }
}
