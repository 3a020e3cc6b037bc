// Which inputs of a node are weights: what fine-tuning may change. Constants that only look like numbers (shapes, limits,
// epsilons, running statistics) are not.

import type { Graph, Node } from '../../src/onnx/model.ts';

/** Positions of an operator's weights among its inputs. Running mean and variance of a BatchNormalization stay as they are. */
const WEIGHTS: Readonly<Record<string, readonly number[]>> = {
  Conv: [1, 2],
  ConvTranspose: [1, 2],
  Gemm: [1, 2],
  MatMul: [0, 1],
  BatchNormalization: [1, 2],
  LayerNormalization: [1, 2],
  InstanceNormalization: [1, 2],
  GroupNormalization: [1, 2],
  PRelu: [1],
  // A bias, a position embedding, a layer scale: more than one number, so that no epsilon or slope is taken for one.
  Add: [0, 1],
  Mul: [0, 1],
};
const ARITHMETIC: readonly string[] = ['Add', 'Mul'];
const REPEATING: readonly string[] = ['Expand', 'Tile'];
const LAYERS: readonly string[] = ['Conv', 'ConvTranspose', 'Gemm', 'MatMul'];

/** True for operators that mix channels, false for those that only shift and scale them. */
export const isLayer = ({ op }: Node): boolean => LAYERS.includes(op);

/** Names of the constants that are weights of this node. `sizeOf`: elements of a constant, undefined where it is none. */
export function weightsOf(node: Node, sizeOf: (name: string) => number | undefined): string[] {
  const positions = node.domain === '' ? (WEIGHTS[node.op] ?? []) : [];
  const names = positions.map((i) => node.inputs[i] ?? '').filter((name) => name !== '');
  return [...new Set(names)].filter((name) => {
    const size = sizeOf(name);
    return size !== undefined && (size > 1 || !ARITHMETIC.includes(node.op));
  });
}

export interface Constants {
  /** Values computed from initialisers alone: dequantised or transposed weights, `Constant` nodes. */
  readonly computed: ReadonlySet<string>;
  /** Values that depend on the shape of a value too, and so on the batch. */
  readonly shapes: ReadonlySet<string>;
}

/** What of a graph does not depend on the numbers in its input. */
export function constantsOf(graph: Graph): Constants {
  const computed = new Set<string>();
  const shapes = new Set<string>();
  const fixed = (name: string) => name === '' || graph.initializers.has(name) || computed.has(name);
  for (const { op, inputs, outputs } of graph.nodes) {
    const ofShapes = inputs.every((name) => fixed(name) || shapes.has(name));
    // A class token laid out for every image is no shape: the graph that is trained lays it out itself.
    const laidOut = REPEATING.includes(op) && fixed(inputs[0]!);
    const kind = inputs.every(fixed)
      ? computed
      : op === 'Shape' || op === 'Size' || (ofShapes && !laidOut)
        ? shapes
        : undefined;
    for (const name of outputs) if (name !== '') kind?.add(name);
  }
  return { computed, shapes };
}

/** Sizes as far as the graph says them without running it: good enough to see where weights are. */
export function roughSizes(graph: Graph): (name: string) => number | undefined {
  const { computed } = constantsOf(graph);
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const sizeOf = (name: string): number | undefined => {
    const tensor = graph.initializers.get(name);
    if (tensor) return tensor.data.length;
    if (!computed.has(name)) return undefined;
    const maker = makers.get(name)!;
    const { value } = maker.attributes;
    if (value?.kind === 'tensor') return value.value.data.length;
    return Math.max(1, ...maker.inputs.map((input) => sizeOf(input) ?? 1));
  };
  return sizeOf;
}
