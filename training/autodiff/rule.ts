// What autodiff knows of one ONNX operator: how large its output is, and how a gradient goes back through it.

import { AttractorError } from '../../src/errors/error.ts';
import type { Node, Tensor } from '../../src/onnx/model.ts';
import { elementCount } from '../../src/onnx/tensor.ts';
import type { Ops } from '../graph/ops.ts';

export type Dims = readonly number[];

export interface Rule {
  /** Dims of the first output. Default: the inputs broadcast together, as element by element operators do. */
  readonly dims?: (node: NodeView) => Dims;
  /** Dims of the outputs after the first, where there may be any; one that the node leaves out is not looked at. */
  readonly moreDims?: (node: NodeView) => readonly Dims[];
  /** Whether this node has a gradient at all, where that hangs on its attributes. Default: it has. */
  readonly flows?: (node: Node) => boolean;
  /** The gradient of every output is wanted. Otherwise only the first output's is: the others count as constant. */
  readonly everyOutput?: true;
  /**
   * For each input, how to make dL/d(input) out of dL/d(output); called only where it is needed. An element by
   * element rule gives it with the output's dims: what broadcasting spread is summed again by the caller. No
   * entry: an input that cannot be differentiated. No `gradient` at all: piecewise constant, nothing flows back.
   */
  readonly gradient?: (step: BackwardStep) => readonly (undefined | (() => string))[];
}

/** A node with what is known of its inputs. */
export interface NodeView {
  readonly node: Node;
  /** Dims of every input, `[]` for one that is left out. */
  readonly dims: readonly Dims[];
  /** The numbers in input `i` (axes, a shape) where that input is a constant of the graph or computed from such. */
  constant(i: number): readonly number[] | undefined;
  /** The same with its type and dims. */
  tensor(i: number): Tensor | undefined;
}

export interface BackwardStep extends NodeView {
  readonly ops: Ops;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly outputDims: Dims;
  /** dL/d(first output), of its dims. */
  readonly gradient: string;
  /** dL/d(output) of every output, for a rule with `everyOutput`; zeros where the loss does not use it. */
  readonly gradients: readonly string[];
}

export function unsupported(node: Node, what: string): AttractorError {
  return new AttractorError('onnx_unsupported', `node "${node.name}" (${node.op}): ${what}`, {
    field: node.name,
    expected: 'an operator that training can differentiate',
    received: node.op,
  });
}

/** The dims that several broadcast to, by numpy's rule. */
export function broadcast(node: Node, all: readonly Dims[]): number[] {
  const rank = Math.max(0, ...all.map((dims) => dims.length));
  return Array.from({ length: rank }, (_, axis) => {
    let size = 1;
    for (const dims of all) {
      const own = dims[axis - rank + dims.length] ?? 1;
      if (own === 1 || own === size) continue;
      if (size !== 1)
        throw unsupported(node, `dims ${all.map((d) => `[${d}]`).join(' and ')} do not broadcast`);
      size = own;
    }
    return size;
  });
}

/** Undoes broadcasting: sums `x` of dims `from` down to dims `to`. */
export function sumTo(ops: Ops, x: string, from: Dims, to: Dims): string {
  const lead = from.length - to.length;
  const axes = from
    .map((_, axis) => axis)
    .filter((axis) => axis < lead || (to[axis - lead] === 1 && from[axis] !== 1));
  if (axes.length === 0) return x;
  const summed = ops.sum(x, axes, true);
  return lead === 0 ? summed : ops.reshape(summed, to);
}

/** Sum of a [batch, channels, ...] value per channel. In two steps: over all axes at once takes onnxruntime 2.4 times as long. */
export function channelSums(ops: Ops, value: string, dims: Dims): string {
  const [batch, channels, ...rest] = dims as [number, number, ...number[]];
  if (rest.length === 0) return ops.sum(value, [0]);
  return ops.sum(ops.sum(ops.reshape(value, [batch, channels, elementCount(rest)]), [2]), [0]);
}

/** A number attribute, or its default. */
export function number(node: Node, name: string, fallback: number): number {
  const found = node.attributes[name];
  return found?.kind === 'int' || found?.kind === 'float' ? found.value : fallback;
}

/** A list of integers, where it is given. */
export function ints(node: Node, name: string): readonly number[] | undefined {
  const found = node.attributes[name];
  return found?.kind === 'ints' ? found.value : undefined;
}

/** A text attribute, or its default. */
export function text(node: Node, name: string, fallback: string): string {
  const found = node.attributes[name];
  return found?.kind === 'string' ? found.value : fallback;
}

/** An axis that may count from the end, as one that counts from the start. */
export const positive = (axis: number, rank: number) => (axis < 0 ? axis + rank : axis);

/** 0 … count - 1. */
export const range = (count: number) => Array.from({ length: count }, (_, i) => i);
