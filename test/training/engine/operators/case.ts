// How cases of operators are written, for the tests of the tfjs engine.

import { attr } from '../../../../src/onnx/build.ts';
import type { Attribute } from '../../../../src/onnx/model.ts';
import { i64 } from '../../../../src/onnx/tensor.ts';
import type { Ops } from '../../../../training/graph/ops.ts';
import type { Piece } from '../agreement.ts';

export type Attributes = Readonly<Record<string, Attribute>>;
export type Case = readonly [op: string, about: string, piece: Piece];
export type Dims = readonly number[];

export const POSITIVE = [0.5, 2] as const;
export const WIDE = [-4, 4] as const;
export const ints = (...values: number[]) => attr.ints(values);
export const int = attr.int;
export const float = attr.float;
export const same = (mode: string) => ({ auto_pad: attr.string(mode) });
export const whole = (ops: Ops, ...values: number[]) => ops.builder.constant(i64(values));

/** One node with all inputs as parameters. */
export const node = (
  op: string,
  about: string,
  inputs: readonly Dims[],
  attributes: Attributes = {},
  range?: Piece['range'],
): Case => [op, about, { inputs, range, y: (ops, ...names) => ops.builder.node(op, names, attributes) }];
/** One that takes whole numbers after its first input. */
export const shaped = (
  op: string,
  about: string,
  dims: Dims,
  rest: readonly (readonly number[])[],
  attributes: Attributes = {},
): Case => [
  op,
  about,
  {
    inputs: [dims],
    y: (ops, x) => ops.builder.node(op, [x, ...rest.map((values) => whole(ops, ...values))], attributes),
  },
];
export const built = (
  op: string,
  about: string,
  inputs: readonly Dims[],
  y: Piece['y'],
  range?: Piece['range'],
): Case => [op, about, { inputs, range, y }];
