// Reverse-mode differentiation of an ONNX graph: walks the nodes backwards and appends the gradient of every one that matters.

import { AttractorError } from '../../src/errors/error.ts';
import type { GraphBuilder } from '../../src/onnx/build.ts';
import type { Graph, Node, Tensor } from '../../src/onnx/model.ts';
import { type FloatType, Ops } from '../graph/ops.ts';
import { fold } from './fold.ts';
import { broadcast, type Dims, type NodeView, type Rule, sumTo, unsupported } from './rule.ts';
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
  const facts = inferGraph(graph);
  const { dims } = facts;
  if (dims.get(loss)?.some((size) => size !== 1) ?? true) {
    throw mismatch('loss', 'a value of one element', `"${loss}" [${dims.get(loss) ?? 'unknown'}]`);
  }

  const active = dependants(graph, parameters);
  const gradients = new Map<string, string>([[loss, ops.expand(ops.constant(1), dims.get(loss)!)]]);
  for (const node of graph.nodes.toReversed()) {
    const rule = ruleOf(node);
    const flowing = gradientOutputs(node).some((output) => active.has(output) && gradients.has(output));
    if (!rule.gradient || !flowing) continue;
    const { inputs } = node;
    const output = node.outputs[0]!;
    const own = node.outputs.map(
      (name) => gradients.get(name) ?? (rule.everyOutput ? ops.zeros(dims.get(name)!) : ''),
    );
    const step = { inputs, output, outputDims: dims.get(output)!, gradient: own[0]!, gradients: own };
    const parts = rule.gradient({ ...view(node, facts), ops, ...step });
    for (const [i, input] of inputs.entries()) {
      if (!active.has(input)) continue;
      const part = parts[i]?.();
      if (part === undefined) throw unsupported(node, `has no gradient rule for input ${i} ("${input}")`);
      const fitted = rule.dims ? part : sumTo(ops, part, dims.get(output)!, dims.get(input)!);
      const sofar = gradients.get(input);
      gradients.set(input, sofar === undefined ? fitted : ops.add(sofar, fitted));
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

/** What is known of a graph before it runs. */
export interface GraphFacts {
  /** Dims of every value. */
  readonly dims: ReadonlyMap<string, Dims>;
  /** Initialisers, and values computed from them and from fixed dims (see fold.ts). */
  readonly constants: ReadonlyMap<string, Tensor>;
}

/** Dims of every value of a graph with fixed input dims. Throws `onnx_unsupported` on an operator without a rule. */
export const inferDims = (graph: Graph): ReadonlyMap<string, Dims> => inferGraph(graph).dims;

/** Dims and constants of a graph with fixed input dims. Throws `onnx_unsupported` on an operator without a rule. */
export function inferGraph(graph: Graph): GraphFacts {
  const dims = new Map<string, Dims>();
  const constants = new Map<string, Tensor>(graph.initializers);
  for (const [name, tensor] of graph.initializers) dims.set(name, tensor.dims);
  for (const input of graph.inputs) {
    if (!input.dims.every((size) => typeof size === 'number')) {
      throw mismatch(input.name, 'an input with fixed dims', `[${input.dims}]`);
    }
    dims.set(input.name, input.dims as readonly number[]);
  }
  for (const node of graph.nodes) {
    const rule = ruleOf(node);
    const seen = view(node, { dims, constants });
    const folded = fold(seen);
    const all = folded
      ? [folded.dims]
      : [rule.dims ? rule.dims(seen) : broadcast(node, seen.dims), ...(rule.moreDims?.(seen) ?? [])];
    if (folded) constants.set(node.outputs[0]!, folded);
    for (const [i, output] of node.outputs.entries()) {
      if (output === '') continue;
      const own = all[i];
      if (!own) throw unsupported(node, `has no rule for output ${i} ("${output}")`);
      dims.set(output, own);
    }
  }
  return { dims, constants };
}

function ruleOf(node: Node): Rule {
  const rule = STANDARD_DOMAINS.has(node.domain) ? RULES[node.op] : undefined;
  if (!rule) throw unsupported(node, 'has no gradient rule');
  return rule;
}

const STANDARD_DOMAINS = new Set(['', 'ai.onnx']);

/** The outputs that a gradient can come back through. */
function gradientOutputs(node: Node): readonly string[] {
  const rule = ruleOf(node);
  if (!rule.gradient || rule.flows?.(node) === false) return [];
  return rule.everyOutput ? node.outputs : node.outputs.slice(0, 1);
}

function view(node: Node, { dims, constants }: GraphFacts): NodeView {
  const tensor = (i: number) => constants.get(node.inputs[i] ?? '');
  return {
    node,
    dims: node.inputs.map((input) => dims.get(input) ?? []),
    tensor,
    constant(i) {
      const found = tensor(i);
      return found && Array.from(found.data as ArrayLike<number | bigint>, Number);
    },
  };
}

/** Every value that depends on a parameter through operators that have a gradient. */
function dependants(graph: Graph, parameters: readonly string[]): Set<string> {
  const active = new Set(parameters);
  for (const node of graph.nodes) {
    if (!node.inputs.some((input) => active.has(input))) continue;
    for (const output of gradientOutputs(node)) active.add(output);
  }
  return active;
}

const mismatch = (field: string, expected: string, received: string) =>
  new AttractorError('invalid_argument', `${field}: expected ${expected}, received ${received}`, {
    field,
    expected,
    received,
  });
