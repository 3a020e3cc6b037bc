// Reverse-mode differentiation of an ONNX graph: walks the nodes backwards and appends the gradient of every one that matters.

import { AttractorError } from '../../src/errors/error.ts';
import type { GraphBuilder } from '../../src/onnx/build.ts';
import type { Graph, Node } from '../../src/onnx/model.ts';
import { type FloatType, Ops } from '../graph/ops.ts';
import { broadcast, type Dims, type NodeView, sumTo, unsupported } from './rule.ts';
import { RULES } from './rules/index.ts';

export interface GradientOptions {
  /** Holds the forward graph; the backward nodes are appended to it. All its dims are numbers. */
  readonly builder: GraphBuilder;
  /** The value to differentiate, of one element. */
  readonly loss: string;
  /** Inputs or initialisers to differentiate by. */
  readonly parameters: readonly string[];
  /** Float type of the graph. Default float32. */
  readonly type?: FloatType;
}

/**
 * Appends d(loss)/d(parameter) for every parameter and returns the names of these values, keyed by parameter;
 * each has the parameter's dims. Throws `onnx_unsupported`, naming node and operator, where a rule is missing on
 * the way from a parameter to the loss, and `invalid_argument` where the loss does not depend on a parameter.
 */
export function addGradients(options: GradientOptions): Record<string, string> {
  const { builder, loss, parameters, type = 'float32' } = options;
  const { graph } = builder.build({ name: 'forward', opset: 1 });
  const ops = new Ops(builder, type);
  const dims = inferDims(graph);
  if (dims.get(loss)?.some((size) => size !== 1) ?? true) {
    throw mismatch('loss', 'a value of one element', `"${loss}" [${dims.get(loss) ?? 'unknown'}]`);
  }

  const active = dependants(graph, parameters);
  const gradients = new Map<string, string>([[loss, ops.expand(ops.constant(1), dims.get(loss)!)]]);
  for (const node of graph.nodes.toReversed()) {
    const output = node.outputs[0]!;
    const gradient = gradients.get(output);
    if (gradient === undefined || !active.has(output)) continue;
    const rule = RULES[node.op];
    if (!rule) throw unsupported(node, 'has no gradient rule');
    if (!rule.gradient) continue;
    const { inputs } = node;
    const step = { ...view(node, graph, dims), ops, inputs, output, outputDims: dims.get(output)!, gradient };
    const parts = rule.gradient(step);
    for (const [i, input] of inputs.entries()) {
      if (!active.has(input)) continue;
      const part = parts[i]?.();
      if (part === undefined) throw unsupported(node, `has no gradient rule for input ${i} ("${input}")`);
      const own = rule.dims ? part : sumTo(ops, part, dims.get(output)!, dims.get(input)!);
      const sofar = gradients.get(input);
      gradients.set(input, sofar === undefined ? own : ops.add(sofar, own));
    }
  }
  return Object.fromEntries(
    parameters.map((parameter) => {
      const gradient = gradients.get(parameter);
      if (gradient === undefined) throw mismatch(parameter, 'a value that the loss depends on', parameter);
      return [parameter, gradient];
    }),
  );
}

/** Dims of every value of a graph with fixed input dims. Throws `onnx_unsupported` on an operator without a rule. */
export function inferDims(graph: Graph): Map<string, Dims> {
  const dims = new Map<string, Dims>();
  for (const [name, tensor] of graph.initializers) dims.set(name, tensor.dims);
  for (const input of graph.inputs) {
    if (!input.dims.every((size) => typeof size === 'number')) {
      throw mismatch(input.name, 'an input with fixed dims', `[${input.dims}]`);
    }
    dims.set(input.name, input.dims as readonly number[]);
  }
  for (const node of graph.nodes) {
    const rule = RULES[node.op];
    if (!rule) throw unsupported(node, 'has no gradient rule');
    const seen = view(node, graph, dims);
    dims.set(node.outputs[0]!, rule.dims ? rule.dims(seen) : broadcast(node, seen.dims));
  }
  return dims;
}

function view(node: Node, graph: Graph, dims: ReadonlyMap<string, Dims>): NodeView {
  return {
    node,
    dims: node.inputs.map((input) => dims.get(input) ?? []),
    constant(i) {
      const tensor = graph.initializers.get(node.inputs[i] ?? '');
      return tensor && Array.from(tensor.data as ArrayLike<number | bigint>, Number);
    },
  };
}

/** Every value that depends on a parameter through operators that have a gradient. */
function dependants(graph: Graph, parameters: readonly string[]): Set<string> {
  const active = new Set(parameters);
  for (const node of graph.nodes) {
    const flows = RULES[node.op]?.gradient !== undefined;
    if (flows && node.inputs.some((input) => active.has(input))) active.add(node.outputs[0]!);
  }
  return active;
}

const mismatch = (field: string, expected: string, received: string) =>
  new AttractorError('invalid_argument', `${field}: expected ${expected}, received ${received}`, {
    field,
    expected,
    received,
  });
