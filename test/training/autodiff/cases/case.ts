// What a float64 check of a rule is made from.
import type { Attribute } from '../../../../src/onnx/model.ts';
import type { Ops } from '../../../../training/graph/ops.ts';

export interface Case {
  readonly op: string;
  readonly about?: string;
  readonly inputs: readonly (readonly number[])[];
  /** Inputs are drawn from here; away from 0 for those that are not defined or smooth there. */
  readonly range?: readonly [number, number];
  readonly y: (ops: Ops, ...inputs: string[]) => string;
}

export const positive = [0.5, 2] as const;

/** A node with these attributes and nothing else. */
export const node =
  (op: string, attributes: Readonly<Record<string, Attribute>> = {}) =>
  (ops: Ops, ...inputs: string[]) =>
    ops.builder.node(op, inputs, attributes);
