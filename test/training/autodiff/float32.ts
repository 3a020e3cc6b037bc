// Checks gradients where onnxruntime has no float64 kernel: its float32 forward value and our gradients, computed by it, against
// the float64 reference and that one's central differences. Only the loss Σ c·y with fixed random c is used: each y has its own c.

import { expect } from 'vitest';
import { createRng } from '../../../src/math/rng.ts';
import { GraphBuilder } from '../../../src/onnx/build.ts';
import { encodeModel } from '../../../src/onnx/codec.ts';
import type { OnnxModel } from '../../../src/onnx/model.ts';
import { elementCount, f32 } from '../../../src/onnx/tensor.ts';
import { openSession } from '../../../src/runtime/session.ts';
import { addGradients, inferDims } from '../../../training/autodiff/gradients.ts';
import { OPSET, Ops } from '../../../training/graph/ops.ts';
import { continueGraph } from '../../../training/graph/training-graph.ts';
import { evaluate } from '../../reference/onnx/evaluate.ts';

export interface Checked {
  /** Fixed dims, one output. Parameters may be inputs or initialisers. */
  readonly model: OnnxModel;
  readonly inputs: Readonly<Record<string, Float32Array>>;
  readonly parameters: readonly string[];
  /** At most this many numbers of each parameter are moved for the differences; all by default. */
  readonly samples?: number;
  /** Largest error, of the largest gradient of that parameter (and of y for the value). Default 2e-5: float32 sums. */
  readonly tolerance?: number;
  readonly opset?: number;
}

/** Throws where the value or a gradient is off; returns the largest errors found, for a report. */
export async function checkFloat32(options: Checked): Promise<{ value: number; gradient: number }> {
  const { model, inputs, parameters, samples = Number.POSITIVE_INFINITY, tolerance = 2e-5 } = options;
  const rng = createRng(11);
  const dims = inferDims(model.graph);
  const y = model.graph.outputs[0]!.name;
  const weights = Float32Array.from({ length: elementCount(dims.get(y)!) }, () => rng.next() * 2 - 1);

  const builder = continueGraph(model);
  const ops = new Ops(builder);
  const loss = ops.sum(ops.mul(y, builder.constant(f32(dims.get(y)!, weights))));
  const gradients = addGradients({ builder, loss, parameters });
  for (const name of new Set([y, ...Object.values(gradients)])) builder.output(name, 'float32', ['any']);
  const bytes = encodeModel(builder.build({ name: 'checked', opset: options.opset ?? OPSET }));
  const session = await openSession({ model: bytes, threads: 1 });
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, data]) => [name, f32(dims.get(name)!, data)]),
  );
  const results = await session.run(feeds);
  await session.release();

  const start = (name: string) => inputs[name] ?? (model.graph.initializers.get(name)!.data as Float32Array);
  const wide = (name: string) => ({ dims: dims.get(name)!, data: Float64Array.from(start(name)) });
  const base = Object.fromEntries([...Object.keys(inputs), ...parameters].map((name) => [name, wide(name)]));
  const run = (moved: typeof base) => evaluate(model.graph, moved).get(y)!;

  const reference = run(base);
  expect(dims.get(y), 'dims of y').toEqual(reference.dims);
  expect(results[y]!.dims, 'dims of y in onnxruntime').toEqual(reference.dims);
  const value = worst(results[y]!.data as Float32Array, reference.data);
  expect(value, 'value').toBeLessThan(tolerance);

  const scalar = (moved: typeof base) =>
    run(moved).data.reduce((sum, number, i) => sum + number * weights[i]!, 0);
  let gradient = 0;
  for (const name of parameters) {
    const data = base[name]!.data;
    const places =
      samples >= data.length ? [...data.keys()] : Array.from({ length: samples }, () => rng.int(data.length));
    const h = 1e-5;
    const numeric = places.map((k) => {
      const at = (shift: number) => {
        const copy = data.slice();
        copy[k]! += shift;
        return scalar({ ...base, [name]: { dims: dims.get(name)!, data: copy } });
      };
      return (at(h) - at(-h)) / (2 * h);
    });
    const found = results[gradients[name]!]!;
    expect(found.dims, `dims of the gradient by ${name}`).toEqual(dims.get(name));
    const error = worst(
      places.map((k) => (found.data as Float32Array)[k]!),
      numeric,
    );
    expect(error, `d/d${name}`).toBeLessThan(tolerance);
    gradient = Math.max(gradient, error);
  }
  return { value, gradient };
}

/** Largest difference, of the largest number expected (at least 1). */
function worst(received: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [difference, largest] = [0, 1];
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(received[i]! - expected[i]!));
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return difference / largest;
}

/** A graph of one node, all of whose inputs are graph inputs with random values in [-1, 1). */
export function oneNode(options: OneNode): Checked {
  const { op, inputs, attributes = {}, seed = 5, range = [-1, 1] } = options;
  const rng = createRng(seed);
  const builder = new GraphBuilder();
  const names = inputs.map((dims, i) => builder.input({ name: `x${i}`, type: 'float32', dims }));
  const y = builder.node(op, names, attributes);
  builder.output(y, 'float32', ['any']);
  const draw = () => range[0] + (range[1] - range[0]) * rng.next();
  return {
    model: builder.build({ name: op, opset: OPSET }),
    inputs: Object.fromEntries(
      inputs.map((dims, i) => [names[i]!, Float32Array.from({ length: elementCount(dims) }, draw)]),
    ),
    parameters: names,
  };
}

export interface OneNode {
  readonly op: string;
  readonly inputs: readonly (readonly number[])[];
  readonly attributes?: OnnxModel['graph']['nodes'][number]['attributes'];
  readonly seed?: number;
  readonly range?: readonly [number, number];
}
