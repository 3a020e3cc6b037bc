// A training graph made ready to be computed by TensorFlow.js: constants computed once, what no parameter reaches computed
// without a tape, the rest with one. Knows no optimiser.

import { AttractorError, asAttractorError, invalid } from '../../../src/errors/error.ts';
import type { Graph, Node } from '../../../src/onnx/model.ts';
import { type GraphFacts, inferGraph } from '../../autodiff/gradients.ts';
import type { TrainingGraph } from '../../graph/training-graph.ts';
import { detached } from './detach.ts';
import { asMaps, inOnnxOrder, type Value } from './layout.ts';
import type { Backend, Tensor } from './load.ts';
import { type Operator, refused, type Step } from './operator.ts';
import { OPERATORS } from './operators/index.ts';
import { fromPlain } from './tensors.ts';

type Values = Map<string, Value>;

export interface Computed {
  readonly loss: Tensor;
  readonly gradients: ReadonlyMap<string, Tensor>;
  /** The values asked for, in ONNX's order of axes. */
  readonly values: ReadonlyMap<string, Tensor>;
}

export class Program {
  readonly #backend: Backend;
  readonly #opset: number;
  readonly #facts: GraphFacts;
  readonly #constants: Values = new Map();
  /** Nodes that no parameter reaches, and those that one does. */
  readonly #fixed: Node[] = [];
  readonly #live: Node[] = [];
  /** Values that a gradient flows through: from a parameter, and on to the loss. */
  readonly #active: ReadonlySet<string>;
  readonly #wanted: ReadonlySet<string>;
  readonly #loss: string;

  /**
   * `wanted` are the values besides the loss that `run` gives. Throws `onnx_unsupported`, naming node and operator, where
   * one is unknown, and `invalid_argument` where the loss does not depend on a parameter.
   */
  constructor(backend: Backend, { model, parameters }: TrainingGraph, wanted: readonly string[]) {
    const { graph } = model;
    this.#backend = backend;
    this.#opset = model.opset;
    this.#loss = graph.outputs[0]!.name;
    this.#wanted = new Set([this.#loss, ...wanted]);
    for (const node of graph.nodes) operatorOf(node);
    this.#facts = inferGraph(graph);
    this.#active = flowing(
      graph,
      parameters.map(({ name }) => name),
      this.#loss,
    );
    const names = new Set(parameters.map(({ name }) => name));
    this.#sort(needed(graph, this.#wanted, this.#facts), names, graph);
  }

  /** Loss, gradients by every one of `parameters`, and the values asked for. The caller disposes all of them. */
  run(parameters: ReadonlyMap<string, Tensor>, inputs: ReadonlyMap<string, Tensor>): Computed {
    const { tf } = this.#backend;
    const names = [...parameters.keys()];
    const kept = new Map<string, Tensor>();
    const { value, grads } = tf.tidy(() => {
      const values: Values = new Map(this.#constants);
      for (const [name, tensor] of inputs) values.set(name, { tensor, channelsLast: false });
      this.#compute(this.#fixed, values, new Set(this.#live.flatMap((node) => node.inputs)));
      const run = tf.valueAndGrads((...tensors: Tensor[]) => {
        for (const [i, name] of names.entries())
          values.set(name, { tensor: tensors[i]!, channelsLast: false });
        this.#compute(this.#live, values, new Set());
        for (const name of this.#wanted) {
          if (name === this.#loss) continue;
          kept.set(name, tf.keep(detached(tf, inOnnxOrder(tf, values.get(name)!))));
        }
        return tf.reshape(values.get(this.#loss)!.tensor, []);
      });
      return run([...parameters.values()]);
    });
    const gradients = new Map(names.map((name, i) => [name, grads[i]!]));
    return { loss: value, gradients, values: kept };
  }

  dispose(): void {
    for (const { tensor } of this.#constants.values()) tensor.dispose();
    this.#constants.clear();
  }

  /** Puts every node where it is computed, and computes those that depend on constants only. */
  #sort(nodes: readonly Node[], parameters: ReadonlySet<string>, graph: Graph): void {
    const { tf } = this.#backend;
    const fed = new Set(graph.inputs.map(({ name }) => name));
    const live = new Set(parameters);
    const varying = new Set(fed);
    const constant: Node[] = [];
    for (const node of nodes) {
      const into = node.inputs.some((name) => live.has(name)) ? this.#live : this.#fixed;
      if (into === this.#live) for (const name of node.outputs) live.add(name);
      if (node.inputs.some((name) => varying.has(name))) {
        for (const name of node.outputs) varying.add(name);
        into.push(node);
      } else {
        constant.push(node);
      }
    }
    const later = new Set([...this.#fixed, ...this.#live].flatMap((node) => node.inputs));
    for (const name of this.#wanted) later.add(name);
    tf.tidy(() => {
      const values: Values = new Map();
      const read = new Set([...constant.flatMap((node) => node.inputs), ...later]);
      for (const [name, plain] of this.#facts.constants) {
        if (read.has(name)) values.set(name, { tensor: fromPlain(tf, plain), channelsLast: false });
      }
      this.#compute(constant, values, later);
      for (const [name, value] of values) {
        if (!later.has(name)) continue;
        tf.keep(value.tensor);
        this.#constants.set(name, value);
      }
    });
  }

  /** Computes nodes in order; a tensor that none of them reads any more, and nobody in `later`, is let go of. */
  #compute(nodes: readonly Node[], values: Values, later: ReadonlySet<string>): void {
    const uses = new Map<string, number>();
    for (const name of nodes.flatMap((node) => node.inputs)) uses.set(name, (uses.get(name) ?? 0) + 1);
    const made = new Set<string>();
    const release = (name: string) => {
      if (!made.has(name) || later.has(name) || this.#wanted.has(name) || (uses.get(name) ?? 0) > 0) return;
      values.get(name)!.tensor.dispose();
      values.delete(name);
    };
    for (const node of nodes) {
      for (const [name, value] of this.#evaluate(node, values)) {
        values.set(name, value);
        made.add(name);
        release(name);
      }
      for (const name of node.inputs) uses.set(name, uses.get(name)! - 1);
      for (const name of new Set(node.inputs)) release(name);
    }
  }

  #evaluate(node: Node, values: Values): [string, Value][] {
    const { tf } = this.#backend;
    const { compute, layout, flat } = operatorOf(node);
    const dimsOf = (name: string) => this.#facts.dims.get(name) ?? [];
    const sources = node.inputs.map((name) => values.get(name));
    const last =
      layout === 'maps' ? sources[0]!.tensor.rank === 4 : sources.some((value) => value?.channelsLast);
    const channelsLast = layout !== 'plain' && last;
    const outputs: [string, Value][] = [];
    tf.tidy(() => {
      const inputs = sources.map((value, i) => {
        if (!value) return undefined;
        const mapped = channelsLast && (layout === 'any' || i === 0);
        const tensor = mapped ? asMaps(tf, value) : inOnnxOrder(tf, value);
        return flat ? detached(tf, tensor) : tensor;
      });
      const tensor = (i: number) => this.#facts.constants.get(node.inputs[i] ?? '');
      const step: Step = {
        ...{ tf, node, inputs, tensor, channelsLast, backend: this.#backend, opset: this.#opset },
        active: node.inputs.map((name) => this.#active.has(name)),
        dims: node.inputs.map(dimsOf),
        outputDims: node.outputs.map(dimsOf),
        constant: (i) => {
          const found = tensor(i);
          return found && Array.from(found.data as ArrayLike<number | bigint>, Number);
        },
      };
      const results = [attempt(step, () => compute(step))].flat();
      for (const [i, name] of node.outputs.entries()) {
        if (name === '') continue;
        const result = results[i];
        if (!result) throw refused(step, `output ${i} ("${name}") is not computed`);
        // An input handed through gets a life of its own.
        const own = inputs.includes(result) ? tf.clone(result) : result;
        outputs.push([
          name,
          { tensor: own, channelsLast: channelsLast && own.rank === 4 && mapsOut(layout, i) },
        ]);
      }
      return outputs.map(([, value]) => value.tensor);
    });
    return outputs;
  }
}

/** Of several outputs only the first is a feature map where the layout is `maps`. */
const mapsOut = (layout: Operator['layout'], i: number) => layout === 'any' || i === 0;

function operatorOf(node: Node): Operator {
  const operator = node.domain === '' || node.domain === 'ai.onnx' ? OPERATORS[node.op] : undefined;
  if (!operator) {
    throw new AttractorError(
      'onnx_unsupported',
      `node "${node.name}" (${node.op}): the tfjs engine does not have this operator`,
      { field: node.name, expected: 'an operator that the tfjs engine can compute', received: node.op },
    );
  }
  return operator;
}

/** What the library throws names no node. */
function attempt<T>(step: Step, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    const error = asAttractorError(cause);
    if (error === cause) throw error;
    throw refused(step, String((cause as Error).message).split('\n')[0]!);
  }
}

/** The nodes that the values asked for need, without those that are constants already. */
function needed(graph: Graph, wanted: ReadonlySet<string>, { constants }: GraphFacts): Node[] {
  const names = new Set(wanted);
  const kept: Node[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((name) => names.has(name) && !constants.has(name))) continue;
    kept.push(node);
    for (const name of node.inputs) names.add(name);
  }
  return kept.reverse();
}

function flowing(graph: Graph, parameters: readonly string[], loss: string): Set<string> {
  const from = new Set(parameters);
  for (const node of graph.nodes) {
    if (operatorOf(node).flat || !node.inputs.some((name) => from.has(name))) continue;
    for (const name of node.outputs) from.add(name);
  }
  const to = new Set([loss]);
  for (const node of graph.nodes.toReversed()) {
    if (operatorOf(node).flat || !node.outputs.some((name) => to.has(name))) continue;
    for (const name of node.inputs) to.add(name);
  }
  for (const name of parameters) {
    if (!to.has(name) || !from.has(loss)) throw invalid(name, 'a value that the loss depends on', name);
  }
  return new Set([...from].filter((name) => to.has(name)));
}
