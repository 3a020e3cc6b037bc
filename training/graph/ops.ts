// Short names for the ONNX operators that losses, gradients and optimisers are written with; a number stands for a constant.
// Only adds nodes: dims and derivatives are in ../autodiff/rules.

import { attr, type GraphBuilder } from '../../src/onnx/build.ts';
import type { Attribute } from '../../src/onnx/model.ts';
import { i64 } from '../../src/onnx/tensor.ts';

/** The name of a value in the graph, or a number, which becomes a scalar constant of the graph's float type. */
export type Operand = string | number;

/** All graphs made here are of this operator set: axes are inputs, Max and Clip take every float type. */
export const OPSET = 18;

/** float64 is for checking gradients; training runs in float32. */
export type FloatType = 'float32' | 'float64';

/** For the Scatter operators: what is put somewhere is added to what is there. */
export const ADDING = { reduction: attr.string('add') };

export class Ops {
  readonly builder: GraphBuilder;
  readonly type: FloatType;

  constructor(builder: GraphBuilder, type: FloatType = 'float32') {
    this.builder = builder;
    this.type = type;
  }

  constant(value: number): string {
    const data = this.type === 'float64' ? Float64Array.of(value) : Float32Array.of(value);
    return this.builder.constant({ type: this.type, dims: [], data });
  }

  /** A constant of the graph's float type. */
  tensor(dims: readonly number[], values: readonly number[]): string {
    const data = this.type === 'float64' ? Float64Array.from(values) : Float32Array.from(values);
    return this.builder.constant({ type: this.type, dims, data });
  }

  /** A tensor of zeros: one number, spread. */
  zeros = (dims: readonly number[]) => this.expand(this.constant(0), dims);

  /** Any operator: what has no short name below. */
  node(op: string, operands: readonly Operand[], attributes: Readonly<Record<string, Attribute>> = {}) {
    const inputs = operands.map((operand) =>
      typeof operand === 'number' ? this.constant(operand) : operand,
    );
    return this.builder.node(op, inputs, attributes);
  }

  add = (a: Operand, b: Operand) => this.node('Add', [a, b]);
  sub = (a: Operand, b: Operand) => this.node('Sub', [a, b]);
  mul = (a: Operand, b: Operand) => this.node('Mul', [a, b]);
  div = (a: Operand, b: Operand) => this.node('Div', [a, b]);
  max = (a: Operand, b: Operand) => this.node('Max', [a, b]);
  min = (a: Operand, b: Operand) => this.node('Min', [a, b]);
  pow = (x: Operand, exponent: number) => this.node('Pow', [x, exponent]);
  clip = (x: Operand, low: number, high: number) => this.node('Clip', [x, low, high]);
  neg = (x: Operand) => this.node('Neg', [x]);
  sqrt = (x: Operand) => this.node('Sqrt', [x]);
  exp = (x: Operand) => this.node('Exp', [x]);
  log = (x: Operand) => this.node('Log', [x]);
  abs = (x: Operand) => this.node('Abs', [x]);
  sign = (x: Operand) => this.node('Sign', [x]);
  sigmoid = (x: Operand) => this.node('Sigmoid', [x]);
  tanh = (x: Operand) => this.node('Tanh', [x]);
  erf = (x: Operand) => this.node('Erf', [x]);

  equal = (a: Operand, b: Operand) => this.node('Equal', [a, b]);
  greater = (a: Operand, b: Operand) => this.node('Greater', [a, b]);
  greaterOrEqual = (a: Operand, b: Operand) => this.node('GreaterOrEqual', [a, b]);
  less = (a: Operand, b: Operand) => this.node('Less', [a, b]);
  where = (condition: string, yes: Operand, no: Operand) => this.node('Where', [condition, yes, no]);
  /** 1 where the condition holds, else 0. Multiplying by it is twice as fast on CPU as Where. */
  mask = (condition: string) =>
    this.node('Cast', [condition], { to: attr.int(this.type === 'float64' ? 11 : 1) });

  /** 1 where x > 0, else 0 (less than 1 below 1e-38). In float32 one pass over memory, where a comparison and its cast are two. */
  positive = (x: string) =>
    this.type === 'float64'
      ? this.mask(this.greater(x, 0))
      : this.node('HardSigmoid', [x], { alpha: attr.float(1e38), beta: attr.float(0) });

  matmul = (a: string, b: string) => this.node('MatMul', [a, b]);
  /** alpha · A' · B' + beta · c of two matrices, where ' transposes on request. */
  gemm(a: string, b: string, options: GemmOptions = {}): string {
    const { c, alpha = 1, beta = 1, transA = false, transB = false } = options;
    return this.node('Gemm', c === undefined ? [a, b] : [a, b, c], {
      alpha: attr.float(alpha),
      beta: attr.float(beta),
      transA: attr.int(Number(transA)),
      transB: attr.int(Number(transB)),
    });
  }
  transpose = (x: string, perm: readonly number[]) => this.node('Transpose', [x], { perm: attr.ints(perm) });

  /** Over `axes`, or all of them. */
  sum = (x: string, axes?: readonly number[], keepdims = false) =>
    this.#reduce('ReduceSum', x, axes, keepdims);
  mean = (x: string, axes?: readonly number[], keepdims = false) =>
    this.#reduce('ReduceMean', x, axes, keepdims);
  reshape = (x: string, dims: readonly number[]) => this.node('Reshape', [x, this.#ints(dims)]);
  expand = (x: string, dims: readonly number[]) => this.node('Expand', [x, this.#ints(dims)]);
  concat = (xs: readonly string[], axis: number) => this.node('Concat', xs, { axis: attr.int(axis) });
  slice = (x: string, axis: number, start: number, end: number) =>
    this.node('Slice', [x, this.#ints([start]), this.#ints([end]), this.#ints([axis])]);

  /** Rows of `x` [n, d] at unit length. A zero row stays zero, with gradients that are finite. */
  unitRows(x: string): string {
    return this.mul(x, this.inverseLengths(x));
  }
  /** 1 / length of every row of `x` [n, d], as [n, 1]. One division per row, so that its gradient divides no tensor. */
  inverseLengths(x: string): string {
    return this.div(1, this.sqrt(this.max(this.sum(this.mul(x, x), [1], true), 1e-12)));
  }

  /** From `starts` to before `ends` of some axes, every `steps`-th (1 by default; negative goes backwards). */
  slices(x: string, axes: readonly number[], range: SliceRange): string {
    const { starts, ends, steps } = range;
    const inputs = [x, starts, ends, axes, ...(steps ? [steps] : [])];
    return this.node(
      'Slice',
      inputs.map((one) => (typeof one === 'string' ? one : this.#ints(one))),
    );
  }
  /** Some axes the other way round. */
  reversed(x: string, axes: readonly number[]): string {
    if (axes.length === 0) return x;
    const last = axes.map(() => -1);
    return this.slices(x, axes, { starts: last, ends: axes.map(() => -(2 ** 31)), steps: last });
  }
  /** Zeros before and after each axis; a negative count cuts off. */
  pad(x: string, before: readonly number[], after: readonly number[]): string {
    if ([...before, ...after].every((count) => count === 0)) return x;
    return this.node('Pad', [x, this.#ints([...before, ...after]), 0]);
  }
  squeeze = (x: string, axes: readonly number[]) => this.node('Squeeze', [x, this.#ints(axes)]);
  unsqueeze = (x: string, axes: readonly number[]) => this.node('Unsqueeze', [x, this.#ints(axes)]);
  gather = (x: string, indices: string, axis = 0) =>
    this.node('Gather', [x, indices], { axis: attr.int(axis) });
  /** x with `updates` added at `indices` along `axis`; indices may repeat. */
  scatterAdd = (x: string, indices: string, updates: string, axis = 0) =>
    this.node('ScatterElements', [x, indices, updates], { axis: attr.int(axis), ...ADDING });

  #ints = (values: readonly number[]) => this.builder.constant(i64(values));

  #reduce(op: string, x: string, axes: readonly number[] | undefined, keepdims: boolean): string {
    const inputs = axes === undefined ? [x] : [x, this.#ints(axes)];
    return this.node(op, inputs, { keepdims: attr.int(Number(keepdims)) });
  }
}

export interface SliceRange {
  starts: readonly number[];
  ends: readonly number[];
  steps?: readonly number[];
}

export interface GemmOptions {
  c?: string;
  alpha?: number;
  beta?: number;
  transA?: boolean;
  transB?: boolean;
}
