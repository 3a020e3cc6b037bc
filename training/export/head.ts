// A linear head as an ONNX graph: L2, subtract the mean, MatMul, L2. What serving runs on top of the backbone.

import { GraphBuilder } from '../../src/onnx/build.ts';
import type { OnnxModel } from '../../src/onnx/model.ts';
import { f32, i64, scalar } from '../../src/onnx/tensor.ts';
import type { LinearMap } from '../baselines/linear-map.ts';

/** Norms below this divide by it instead, so that a zero vector stays zero and is not NaN. */
const SMALLEST_NORM = 1e-12;

/**
 * float32 `features` [batch, map.inputs] to unit rows `embedding` [batch, map.outputs]. Only operators that read the same in
 * every set from 13 on, so the head takes the backbone's `opset`.
 */
export function headGraph(options: { map: LinearMap; opset: number }): OnnxModel {
  const { map, opset } = options;
  const graph = new GraphBuilder();
  const features = graph.input({ name: 'features', type: 'float32', dims: ['batch', map.inputs] });
  const mean = graph.initializer('mean', f32([map.inputs], map.mean));
  const projection = graph.initializer('projection', f32([map.inputs, map.outputs], map.projection));
  const centred = graph.node('Sub', [unitRows(graph, features), mean]);
  const embedding = unitRows(graph, graph.node('MatMul', [centred, projection]), 'embedding');
  graph.output(embedding, 'float32', ['batch', map.outputs]);
  return graph.build({ name: 'head', opset });
}

function unitRows(graph: GraphBuilder, rows: string, output?: string): string {
  const squares = graph.node('ReduceSum', [graph.node('Mul', [rows, rows]), graph.constant(i64([1]))]);
  const norm = graph.node('Max', [graph.node('Sqrt', [squares]), graph.constant(scalar(SMALLEST_NORM))]);
  return graph.node('Div', [rows, norm], {}, output === undefined ? {} : { output });
}
