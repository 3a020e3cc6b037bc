// Computes, before a graph runs, what depends on fixed dims and constants only: the Shape -> Gather -> Concat -> Reshape chains that
// exporters write. Knows the operators such chains are made of; any other value, or a large one, is simply not folded.

import type { Node, Tensor } from '../../src/onnx/model.ts';
import { ARRAYS, elementCount } from '../../src/onnx/tensor.ts';
import { type Dims, type NodeView, number, positive, type Rule, range } from './rule.ts';
import { reshape } from './rules/reshape.ts';
import { cutsOf } from './rules/slice.ts';
import { squeeze, unsqueeze } from './rules/squeeze.ts';

/** Values of more elements are left to the runtime: shapes, axes and scalars are small. */
const LARGEST = 4096;

/** A folded value while it is worked on: numbers, with the type they are stored in. */
interface Value {
  readonly type: Tensor['type'];
  readonly dims: Dims;
  readonly data: readonly number[];
}

type Fold = (view: NodeView, inputs: readonly Value[]) => Value | undefined;

/** The constant that a node's one output is, or undefined where it is not one. */
export function fold(view: NodeView): Tensor | undefined {
  const { node, dims } = view;
  if (node.op === 'Constant') return constant(node);
  const rule = node.domain === '' ? FOLDS[node.op] : undefined;
  if (!rule) return undefined;
  const ofDims = node.op === 'Shape' || node.op === 'Size';
  const tensors = ofDims ? [] : node.inputs.map((_, i) => view.tensor(i));
  if (tensors.some((tensor, i) => node.inputs[i] !== '' && !tensor)) return undefined;
  if (!ofDims && dims.some((one) => elementCount(one) > LARGEST)) return undefined;
  if (tensors.some((tensor) => tensor?.type === 'float16')) return undefined;
  const value = rule(view, tensors.map(read));
  return value && elementCount(value.dims) <= LARGEST ? write(value) : undefined;
}

const read = (tensor: Tensor | undefined): Value =>
  tensor
    ? {
        type: tensor.type,
        dims: tensor.dims,
        data: Array.from(tensor.data as ArrayLike<number | bigint>, Number),
      }
    : { type: 'int64', dims: [0], data: [] };

function write({ type, dims, data }: Value): Tensor {
  const array =
    type === 'int64'
      ? BigInt64Array.from(data, (x) => BigInt(Math.trunc(x)))
      : (ARRAYS[type] as { from(data: readonly number[]): Tensor['data'] }).from(data);
  return { type, dims, data: array };
}

const int64 = (data: readonly number[], dims: Dims = [data.length]): Value => ({ type: 'int64', dims, data });

function constant(node: Node): Tensor | undefined {
  const { value, value_int, value_ints, value_float, value_floats } = node.attributes;
  if (value?.kind === 'tensor') return value.value;
  if (value_int?.kind === 'int') return write(int64([value_int.value], []));
  if (value_ints?.kind === 'ints') return write(int64(value_ints.value));
  if (value_float?.kind === 'float') return write({ type: 'float32', dims: [], data: [value_float.value] });
  if (value_floats?.kind !== 'floats') return undefined;
  return write({ type: 'float32', dims: [value_floats.value.length], data: value_floats.value });
}

/** ONNX numbers of the types that `Cast` and constants can have here. */
const TYPES: Readonly<Record<number, Tensor['type']>> = {
  1: 'float32',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  11: 'float64',
};
const isWhole = (type: Tensor['type']) => type !== 'float32' && type !== 'float64';

/** Takes the elements of `x` that `at` names for every position of `dims`. */
function pick(x: Value, dims: Dims, at: (position: readonly number[]) => readonly number[]): Value {
  const data = range(elementCount(dims)).map((flat) => {
    let offset = 0;
    for (const [axis, index] of at(unflatten(flat, dims)).entries()) offset = offset * x.dims[axis]! + index;
    return x.data[offset]!;
  });
  return { ...x, dims, data };
}

function unflatten(flat: number, dims: Dims): number[] {
  const position = dims.map(() => 0);
  let rest = flat;
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    position[axis] = rest % dims[axis]!;
    rest = Math.floor(rest / dims[axis]!);
  }
  return position;
}

/** Element by element with broadcasting; `type` is the result's, the first input's by default. */
const elementwise =
  (compute: (values: readonly number[], whole: boolean) => number, type?: Tensor['type']): Fold =>
  (_, inputs) => {
    const rank = Math.max(...inputs.map(({ dims }) => dims.length));
    const dims = range(rank).map((axis) =>
      inputs.reduce((size, one) => {
        const own = one.dims[axis - rank + one.dims.length] ?? 1;
        return own === 1 ? size : own;
      }, 1),
    );
    const spread = inputs.map((one) =>
      pick(one, dims, (position) =>
        position.slice(rank - one.dims.length).map((at, axis) => (one.dims[axis] === 1 ? 0 : at)),
      ),
    );
    const kind = inputs.at(-1)!.type;
    const data = range(elementCount(dims)).map((i) =>
      compute(
        spread.map((one) => one.data[i]!),
        isWhole(kind),
      ),
    );
    return { type: type ?? kind, dims, data };
  };

/** The same numbers under the dims that the operator's rule gives. */
const reshaped =
  (rule: Rule): Fold =>
  (view, [x]) => ({ ...x!, dims: rule.dims!(view) });

const FOLDS: Readonly<Record<string, Fold>> = {
  Shape: ({ node, dims: [x] }) =>
    int64(x!.slice(number(node, 'start', 0), node.attributes.end ? number(node, 'end', 0) : undefined)),
  Size: ({ dims: [x] }) => int64([elementCount(x!)], []),
  Identity: (_, [x]) => x,
  Squeeze: reshaped(squeeze),
  Unsqueeze: reshaped(unsqueeze),
  Reshape: reshaped(reshape),
  Cast: ({ node }, [x]) => {
    const type = TYPES[number(node, 'to', 0)];
    if (!type) return undefined;
    const convert = type === 'bool' ? (v: number) => Number(v !== 0) : isWhole(type) ? Math.trunc : Number;
    return { type, dims: x!.dims, data: x!.data.map(convert) };
  },
  Gather: ({ node }, [x, indices]) => {
    const axis = positive(number(node, 'axis', 0), x!.dims.length);
    const { dims: shape, data } = indices!;
    const dims = [...x!.dims.slice(0, axis), ...shape, ...x!.dims.slice(axis + 1)];
    return pick(x!, dims, (position) => {
      let flat = 0;
      for (const [i, size] of shape.entries()) flat = flat * size + position[axis + i]!;
      const index = positive(data[flat]!, x!.dims[axis]!);
      return [...position.slice(0, axis), index, ...position.slice(axis + shape.length)];
    });
  },
  Concat: ({ node }, inputs) => {
    if (inputs.some(({ dims }) => dims.length !== 1) || number(node, 'axis', 0) > 0) return undefined;
    const data = inputs.flatMap((one) => one.data);
    return { type: inputs[0]!.type, dims: [data.length], data };
  },
  Slice: (view, [x]) => {
    const cuts = cutsOf(view);
    const dims = cuts.map(({ count }) => count);
    return pick(x!, dims, (position) => position.map((at, i) => cuts[i]!.start + at * cuts[i]!.step));
  },
  Range: (_, [start, limit, delta]) => {
    const [from, to, by] = [start!.data[0]!, limit!.data[0]!, delta!.data[0]!];
    const data = range(Math.max(0, Math.ceil((to - from) / by))).map((i) => from + i * by);
    return { type: start!.type, dims: [data.length], data };
  },
  ConstantOfShape: ({ node }, [shape]) => {
    const given = node.attributes.value;
    const filled: Value =
      given?.kind === 'tensor' ? read(given.value) : { type: 'float32', dims: [1], data: [0] };
    const count = elementCount(shape!.data);
    if (count > LARGEST || filled.type === 'float16') return undefined;
    return { type: filled.type, dims: shape!.data, data: new Array<number>(count).fill(filled.data[0]!) };
  },
  Expand: (_, [x, shape]) => {
    const target: Value = {
      type: x!.type,
      dims: shape!.data,
      data: new Array(elementCount(shape!.data)).fill(0),
    };
    return elementwise(([a]) => a!)(_, [x!, target]);
  },
  Where: (_, [condition, a, b]) =>
    elementwise(([test, yes, no]) => (test ? yes! : no!))(_, [condition!, a!, b!]),
  Add: elementwise(([a, b]) => a! + b!),
  Sub: elementwise(([a, b]) => a! - b!),
  Mul: elementwise(([a, b]) => a! * b!),
  Div: elementwise(([a, b], whole) => (whole ? Math.trunc(a! / b!) : a! / b!)),
  Mod: elementwise(([a, b]) => a! - b! * Math.floor(a! / b!)),
  Max: elementwise((all) => Math.max(...all)),
  Min: elementwise((all) => Math.min(...all)),
  Neg: elementwise(([x]) => -x!),
  Floor: elementwise(([x]) => Math.floor(x!)),
  Ceil: elementwise(([x]) => Math.ceil(x!)),
  Sqrt: elementwise(([x]) => Math.sqrt(x!)),
  Equal: elementwise(([a, b]) => Number(a === b), 'bool'),
  Less: elementwise(([a, b]) => Number(a! < b!), 'bool'),
  Greater: elementwise(([a, b]) => Number(a! > b!), 'bool'),
  Not: elementwise(([x]) => Number(!x), 'bool'),
};
