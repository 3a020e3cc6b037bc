// Cuts and joins whole graphs: a backbone ends at its tap, a head goes on top. Does not rewrite single nodes.

import { AttractorError } from '../errors/error.ts';
import type { Graph, Node, OnnxModel, ValueInfo } from './model.ts';

/**
 * The part of `model` that the given values need, with those values as its outputs. Their type and dims come
 * from the caller, since a graph does not say them for inner values. Inputs and initialisers that nothing needs
 * any more are dropped. Throws `onnx_invalid` where a value is not in the graph.
 */
export function cutGraph(options: { model: OnnxModel; outputs: readonly ValueInfo[] }): OnnxModel {
  const { model, outputs } = options;
  const { graph } = model;
  const needed = new Set(outputs.map(({ name }) => name));
  const kept: Node[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((name) => needed.has(name))) continue;
    kept.push(node);
    for (const name of node.inputs) needed.add(name);
  }
  const defined = new Set([
    ...graph.inputs.map(({ name }) => name),
    ...graph.initializers.keys(),
    ...kept.flatMap((node) => node.outputs),
  ]);
  for (const { name } of outputs) {
    if (!defined.has(name)) {
      throw new AttractorError(
        'onnx_invalid',
        `outputs: expected a value of graph "${graph.name}", received "${name}"`,
      );
    }
  }
  return {
    ...model,
    graph: {
      name: graph.name,
      inputs: graph.inputs.filter(({ name }) => needed.has(name)),
      outputs: [...outputs],
      initializers: new Map([...graph.initializers].filter(([name]) => needed.has(name))),
      nodes: kept.reverse(),
    },
  };
}

export interface JoinOptions {
  first: OnnxModel;
  second: OnnxModel;
  /** Name of the joined graph; the second one's by default. */
  name?: string;
}

/**
 * Feeds the one output of `first` into the one input of `second`. The joined graph has the inputs of `first`
 * and the outputs of `second` under their own names; any other name that clashes gets its graph's name in
 * front. Metadata are merged, the second's winning. Throws `onnx_invalid` where the two do not fit and
 * `onnx_unsupported` where their operator sets differ.
 */
export function joinGraphs(options: JoinOptions): OnnxModel {
  const { first, second } = options;
  const [from, into] = seam(first, second);
  const reserved = new Set([...first.graph.inputs, ...second.graph.outputs].map(({ name }) => name));
  if (reserved.size !== first.graph.inputs.length + second.graph.outputs.length) {
    throw new AttractorError(
      'onnx_invalid',
      'joinGraphs: an output of the second graph is named as an input of the first',
    );
  }
  const taken = new Set(reserved);
  const nodeNames = new Set<string>();
  const firstNames = new Map(first.graph.inputs.map(({ name }) => [name, name]));
  const lower = rename({ graph: first.graph, names: firstNames, taken, nodeNames });
  const secondNames = new Map(second.graph.outputs.map(({ name }) => [name, name]));
  secondNames.set(into.name, firstNames.get(from.name)!);
  const upper = rename({ graph: second.graph, names: secondNames, taken, nodeNames });
  // The second graph's names for free dimensions ("N") become the first one's ("batch").
  const dimNames = new Map(into.dims.map((dim, i) => [dim, from.dims[i]!]));
  return {
    graph: {
      name: options.name ?? second.graph.name,
      inputs: lower.inputs,
      outputs: upper.outputs.map((output) => ({
        ...output,
        dims: output.dims.map((dim) => (typeof dim === 'string' ? (dimNames.get(dim) ?? dim) : dim)),
      })),
      initializers: new Map([...lower.initializers, ...upper.initializers]),
      nodes: [...lower.nodes, ...upper.nodes],
    },
    irVersion: Math.max(first.irVersion, second.irVersion),
    opset: first.opset,
    producer: second.producer,
    metadata: { ...first.metadata, ...second.metadata },
  };
}

function seam(first: OnnxModel, second: OnnxModel): [ValueInfo, ValueInfo] {
  if (first.opset !== second.opset) {
    throw new AttractorError(
      'onnx_unsupported',
      `joinGraphs: expected one operator set, received ${first.opset} ("${first.graph.name}") and ${second.opset} ("${second.graph.name}")`,
    );
  }
  const [from, ...moreOutputs] = first.graph.outputs;
  const [into, ...moreInputs] = second.graph.inputs;
  if (!from || !into || moreOutputs.length > 0 || moreInputs.length > 0) {
    throw new AttractorError(
      'onnx_invalid',
      `joinGraphs: expected one output and one input, received ${first.graph.outputs.length} and ${second.graph.inputs.length}`,
    );
  }
  const fits =
    from.type === into.type &&
    from.dims.length === into.dims.length &&
    from.dims.every(
      (dim, i) => typeof dim === 'string' || typeof into.dims[i] === 'string' || dim === into.dims[i],
    );
  if (!fits) {
    throw new AttractorError(
      'onnx_invalid',
      `joinGraphs: "${into.name}" expects ${into.type} [${into.dims}], received ${from.type} [${from.dims}] from "${from.name}"`,
    );
  }
  return [from, into];
}

/** Copies a graph with every value not yet in `names` given a free name; `names`, `taken` and `nodeNames` grow. */
function rename(options: {
  graph: Graph;
  names: Map<string, string>;
  taken: Set<string>;
  nodeNames: Set<string>;
}): Graph {
  const { graph, names, taken, nodeNames } = options;
  const free = (name: string, used: Set<string>) => {
    let candidate = name;
    while (used.has(candidate)) candidate = `${graph.name || 'graph'}/${candidate}`;
    used.add(candidate);
    return candidate;
  };
  const value = (name: string) => {
    if (name === '') return '';
    const known = names.get(name);
    if (known !== undefined) return known;
    const renamed = free(name, taken);
    names.set(name, renamed);
    return renamed;
  };
  return {
    name: graph.name,
    inputs: graph.inputs.map((info) => ({ ...info, name: value(info.name) })),
    outputs: graph.outputs.map((info) => ({ ...info, name: value(info.name) })),
    initializers: new Map([...graph.initializers].map(([name, tensor]) => [value(name), tensor])),
    nodes: graph.nodes.map((node) => ({
      ...node,
      name: node.name === '' ? '' : free(node.name, nodeNames),
      inputs: node.inputs.map(value),
      outputs: node.outputs.map(value),
    })),
  };
}
