// Trained weights back into the graph they came from. Nodes, names and interface stay; a weight that was computed
// (DequantizeLinear of 8-bit numbers) becomes an initialiser of its own name and the nodes that computed it go.

import { invalid } from '../../src/errors/error.ts';
import { cutGraph } from '../../src/onnx/edit.ts';
import type { OnnxModel } from '../../src/onnx/model.ts';
import { f32 } from '../../src/onnx/tensor.ts';
import type { SplitBackbone } from './suffix.ts';

/**
 * `weights`: numbers by name, for some or all of `split.suffix.weights`. Throws `invalid_argument` on a name that is not one
 * of these or a length that does not fit.
 */
export function withWeights(options: {
  split: SplitBackbone;
  weights: ReadonlyMap<string, Float32Array>;
}): OnnxModel {
  const { split, weights } = options;
  const { model } = split;
  const dimsOf = new Map(split.suffix.weights.map(({ name, dims }) => [name, dims]));
  const initializers = new Map(model.graph.initializers);
  for (const [name, data] of weights) {
    const dims = dimsOf.get(name);
    if (!dims) throw invalid('weights', `one of ${[...dimsOf.keys()].join(', ')}`, name);
    if (data.length !== dims.reduce((product, size) => product * size, 1)) {
      throw invalid(`weights["${name}"]`, `numbers for [${dims}]`, data);
    }
    initializers.set(name, f32(dims, data));
  }
  const nodes = model.graph.nodes.filter(({ outputs }) => !outputs.some((name) => weights.has(name)));
  const graph = { ...model.graph, initializers, nodes };
  return cutGraph({ model: { ...model, graph }, outputs: model.graph.outputs });
}
