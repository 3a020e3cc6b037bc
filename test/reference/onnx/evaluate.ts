// Evaluates a graph in float64, operator by operator from their definitions: what float32 kernels and gradients are held against.
// Knows the operators that the blocks of test/fixtures/blocks.ts and the float32 rules are made of, in opset 18.

import type { Graph, Node } from '../../../src/onnx/model.ts';
import { type Arr, at, each, elementwise, fill, offset, size } from './array.ts';
import { conv, convTranspose, pool } from './windowed.ts';

/** Values by name; `feeds` gives every input, and takes the place of initialisers that it names. */
export function evaluate(graph: Graph, feeds: Readonly<Record<string, Arr>>): Map<string, Arr> {
  const values = new Map<string, Arr>();
  for (const [name, { dims, data }] of graph.initializers) {
    values.set(name, { dims, data: Float64Array.from(data as ArrayLike<number | bigint>, Number) });
  }
  for (const [name, value] of Object.entries(feeds)) values.set(name, value);
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => values.get(name)).filter((value) => value !== undefined);
    const operator = OPERATORS[node.op];
    if (!operator) throw new Error(`no reference for ${node.op}`);
    const made = operator(node, inputs);
    for (const [i, output] of (Array.isArray(made) ? made : [made]).entries()) {
      if (node.outputs[i]) values.set(node.outputs[i], output);
    }
  }
  return values;
}

type Operator = (node: Node, inputs: readonly Arr[]) => Arr | Arr[];

const one = (node: Node, name: string, fallback: number) =>
  (node.attributes[name]?.value as number | undefined) ?? fallback;
const from = (axis: number, rank: number) => (axis < 0 ? axis + rank : axis);
const map =
  (compute: (...values: number[]) => number): Operator =>
  (_, inputs) =>
    elementwise(compute, inputs);

/** Abramowitz and Stegun 7.1.5: the series of erf, exact to rounding for the small arguments of tests. */
function erf(x: number): number {
  let [term, sum] = [x, x];
  for (let n = 1; n < 200; n++) {
    term *= -(x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

const reduce =
  (combine: (values: number[]) => number): Operator =>
  (node, [x, axes]) => {
    const rank = x!.dims.length;
    const gone = new Set(axes ? Array.from(axes.data, (axis) => from(axis, rank)) : x!.dims.keys());
    const kept = x!.dims.map((dim, axis) => (gone.has(axis) ? 1 : dim));
    const seen = x!.dims.map((dim, axis) => (gone.has(axis) ? dim : 1));
    const y = fill(kept, (position) => {
      const values: number[] = [];
      each(seen, (step) => {
        values.push(
          at(
            x!,
            step.map((s, axis) => s + position[axis]!),
          ),
        );
      });
      return combine(values);
    });
    if (one(node, 'keepdims', 1) === 1) return y;
    return { dims: kept.filter((_, axis) => !gone.has(axis)), data: y.data };
  };

/** `x` as rows of the axes from `axis` on, or of that axis alone. */
function normalise(x: Arr, axes: readonly number[], each_: (values: number[], value: number) => number): Arr {
  const seen = x.dims.map((dim, axis) => (axes.includes(axis) ? dim : 1));
  return fill(x.dims, (position) => {
    const values: number[] = [];
    each(seen, (step) => {
      values.push(
        at(
          x,
          position.map((p, axis) => (axes.includes(axis) ? step[axis]! : p)),
        ),
      );
    });
    return each_(values, at(x, position));
  });
}

const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
const mean = (values: readonly number[]) => total(values) / values.length;
const variance = (values: readonly number[]) => mean(values.map((value) => (value - mean(values)) ** 2));
const channelOf = (x: Arr | undefined, position: readonly number[]) => x!.data[position[1]!]!;

function matmul(a: Arr, b: Arr): Arr {
  const [m, k] = a.dims.slice(-2) as [number, number];
  const n = b.dims.at(-1)!;
  const lead = elementwise(
    () => 0,
    [a, b].map(({ dims }) => fill(dims.slice(0, -2), () => 0)),
  ).dims;
  return fill([...lead, m, n], (position) => {
    const [i, j] = position.slice(-2) as [number, number];
    let sum = 0;
    for (let step = 0; step < k; step++) {
      sum += at(a, [...position.slice(0, -2), i, step]) * at(b, [...position.slice(0, -2), step, j]);
    }
    return sum;
  });
}

const reshape = (x: Arr, dims: readonly number[]): Arr => {
  const rest = size(x.dims) / size(dims.filter((dim) => dim !== -1));
  return { dims: dims.map((dim) => (dim === -1 ? rest : dim)), data: x.data };
};

const OPERATORS: Readonly<Record<string, Operator>> = {
  Conv: conv,
  ConvTranspose: convTranspose,
  MaxPool: pool,
  AveragePool: pool,
  GlobalAveragePool: (node, [x]) =>
    reduce(mean)(node, [
      x!,
      { dims: [x!.dims.length - 2], data: Float64Array.from(x!.dims.slice(2), (_, i) => i + 2) },
    ]),
  GlobalMaxPool: (node, [x]) =>
    reduce((values) => Math.max(...values))(node, [
      x!,
      { dims: [x!.dims.length - 2], data: Float64Array.from(x!.dims.slice(2), (_, i) => i + 2) },
    ]),
  BatchNormalization: (node, [x, scale, bias, running, spread]) => {
    const epsilon = one(node, 'epsilon', 1e-5);
    const normal =
      one(node, 'training_mode', 0) === 1
        ? normalise(
            x!,
            [...x!.dims.keys()].filter((axis) => axis !== 1),
            (values, value) => (value - mean(values)) / Math.sqrt(variance(values) + epsilon),
          )
        : fill(
            x!.dims,
            (p) => (at(x!, p) - channelOf(running, p)) / Math.sqrt(channelOf(spread, p) + epsilon),
          );
    return fill(x!.dims, (p) => at(normal, p) * channelOf(scale, p) + channelOf(bias, p));
  },
  InstanceNormalization: (node, [x, scale, bias]) => {
    const epsilon = one(node, 'epsilon', 1e-5);
    const normal = normalise(
      x!,
      [...x!.dims.keys()].slice(2),
      (values, value) => (value - mean(values)) / Math.sqrt(variance(values) + epsilon),
    );
    return fill(x!.dims, (p) => at(normal, p) * channelOf(scale, p) + channelOf(bias, p));
  },
  LayerNormalization: (node, [x, scale, bias]) => {
    const axis = from(one(node, 'axis', -1), x!.dims.length);
    const normal = normalise(
      x!,
      [...x!.dims.keys()].slice(axis),
      (values, value) => (value - mean(values)) / Math.sqrt(variance(values) + one(node, 'epsilon', 1e-5)),
    );
    const scaled = elementwise((a, b) => a * b, [normal, scale!]);
    return bias ? elementwise((a, b) => a + b, [scaled, bias]) : scaled;
  },
  Softmax: (node, [x]) =>
    normalise(x!, [from(one(node, 'axis', -1), x!.dims.length)], (values, value) => {
      const top = Math.max(...values);
      return Math.exp(value - top) / total(values.map((other) => Math.exp(other - top)));
    }),
  Relu: map((x) => Math.max(x, 0)),
  Clip: map((x, low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY) =>
    Math.min(Math.max(x, low), high),
  ),
  Sigmoid: map((x) => 1 / (1 + Math.exp(-x))),
  HardSigmoid: (node, [x]) =>
    elementwise((v) => Math.min(Math.max(one(node, 'alpha', 0.2) * v + one(node, 'beta', 0.5), 0), 1), [x!]),
  HardSwish: map((x) => x * Math.min(Math.max(x / 6 + 0.5, 0), 1)),
  Erf: map(erf),
  Gelu: (node, [x]) =>
    node.attributes.approximate?.value === 'tanh'
      ? elementwise((v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))), [x!])
      : elementwise((v) => 0.5 * v * (1 + erf(v / Math.SQRT2)), [x!]),
  Exp: map(Math.exp),
  Sqrt: map(Math.sqrt),
  Tanh: map(Math.tanh),
  Add: map((a, b) => a + b!),
  Sub: map((a, b) => a - b!),
  Mul: map((a, b) => a * b!),
  Div: map((a, b) => a / b!),
  Mean: (_, inputs) => elementwise((...values) => mean(values), inputs),
  Identity: (_, [x]) => x!,
  ReduceSum: reduce(total),
  ReduceMean: reduce(mean),
  MatMul: (_, [a, b]) => matmul(a!, b!),
  Gemm: (node, [a, b, c]) => {
    const turn = (x: Arr) => fill([x.dims[1]!, x.dims[0]!], ([i, j]) => at(x, [j!, i!]));
    const y = matmul(one(node, 'transA', 0) ? turn(a!) : a!, one(node, 'transB', 0) ? turn(b!) : b!);
    const scaled = elementwise((v) => one(node, 'alpha', 1) * v, [y]);
    return c ? elementwise((v, bias) => v + one(node, 'beta', 1) * bias!, [scaled, c]) : scaled;
  },
  Reshape: (_, [x, shape]) =>
    reshape(
      x!,
      Array.from(shape!.data, (dim, axis) => (dim === 0 ? x!.dims[axis]! : dim)),
    ),
  Flatten: (node, [x]) => reshape(x!, [size(x!.dims.slice(0, one(node, 'axis', 1))), -1]),
  Transpose: (node, [x]) => {
    const perm = node.attributes.perm!.value as readonly number[];
    return fill(
      perm.map((axis) => x!.dims[axis]!),
      (position) =>
        x!.data[
          offset(
            x!.dims,
            x!.dims.map((_, axis) => position[perm.indexOf(axis)]!),
          )
        ]!,
    );
  },
  Concat: (node, inputs) => {
    const axis = from(one(node, 'axis', 0), inputs[0]!.dims.length);
    const dims = inputs[0]!.dims.map((dim, i) =>
      i === axis ? total(inputs.map((x) => x.dims[axis]!)) : dim,
    );
    return fill(dims, (position) => {
      let place = position[axis]!;
      const x = inputs.find((one_) => {
        if (place < one_.dims[axis]!) return true;
        place -= one_.dims[axis]!;
        return false;
      })!;
      return at(
        { ...x, dims: x.dims },
        position.map((p, i) => (i === axis ? place : p)),
      );
    });
  },
  Split: (node, [x, sizes]) => {
    const axis = from(one(node, 'axis', 0), x!.dims.length);
    const count = node.outputs.length;
    const each_ = sizes ? Array.from(sizes.data) : node.outputs.map(() => x!.dims[axis]! / count);
    return each_.map((length, i) => {
      const start = total(each_.slice(0, i));
      return fill(
        x!.dims.map((dim, a) => (a === axis ? length : dim)),
        (p) =>
          x!.data[
            offset(
              x!.dims,
              p.map((place, a) => (a === axis ? place + start : place)),
            )
          ]!,
      );
    });
  },
  Gather: (node, [x, indices]) => {
    const axis = from(one(node, 'axis', 0), x!.dims.length);
    const inner = indices!.dims.length;
    return fill([...x!.dims.slice(0, axis), ...indices!.dims, ...x!.dims.slice(axis + 1)], (p) => {
      const index = from(indices!.data[offset(indices!.dims, p.slice(axis, axis + inner))]!, x!.dims[axis]!);
      return x!.data[offset(x!.dims, [...p.slice(0, axis), index, ...p.slice(axis + inner)])]!;
    });
  },
};
