// Numbers taken from, and put to, places given by indices.
import { attr } from '../../../../src/onnx/build.ts';
import type { Attribute } from '../../../../src/onnx/model.ts';
import { i64 } from '../../../../src/onnx/tensor.ts';
import { ADDING, type Ops } from '../../../../training/graph/ops.ts';
import { type Case, node } from './case.ts';

const at = (ops: Ops, values: readonly number[], dims?: readonly number[]) =>
  ops.builder.constant(i64(values, dims ?? [values.length]));
const axis = (value: number) => ({ axis: attr.int(value) });

const top = (ops: Ops, x: string, k: number, attributes: Readonly<Record<string, Attribute>>) =>
  ops.builder.node('TopK', [x, at(ops, [k])], attributes, { outputs: 2 })[0]!;

export const INDEXED: readonly Case[] = [
  {
    op: 'TopK',
    about: 'largest of rows',
    inputs: [[3, 6]],
    y: (ops, x) => top(ops, x, 3, axis(-1)),
  },
  {
    op: 'TopK',
    about: 'smallest of a middle axis',
    inputs: [[2, 5, 3]],
    y: (ops, x) => top(ops, x, 2, { ...axis(1), largest: attr.int(0) }),
  },
  {
    op: 'GatherElements',
    about: 'at the largest',
    inputs: [[3, 4]],
    y: (ops, x) => node('GatherElements', axis(1))(ops, x, node('ArgMax', axis(1))(ops, x)),
  },
  {
    op: 'Gather',
    about: 'rows, twice the same',
    inputs: [[4, 3]],
    y: (ops, x) => ops.gather(x, at(ops, [2, 0, 2])),
  },
  {
    op: 'Gather',
    about: 'a table of indices, middle axis',
    inputs: [[2, 4, 3]],
    y: (ops, x) => ops.gather(x, at(ops, [1, -1, 1, 0], [2, 2]), 1),
  },
  {
    op: 'Gather',
    about: 'last axis',
    inputs: [[2, 4]],
    y: (ops, x) => ops.gather(x, at(ops, [3, 3, 1]), -1),
  },
  {
    op: 'Gather',
    about: 'the class token',
    inputs: [[2, 4, 3]],
    y: (ops, x) => ops.gather(x, at(ops, [0], []), 1),
  },
  {
    op: 'Gather',
    about: 'one from the end',
    inputs: [[2, 4, 3]],
    y: (ops, x) => ops.gather(x, at(ops, [-1]), 1),
  },
  {
    op: 'GatherElements',
    inputs: [[3, 4]],
    y: (ops, x) => node('GatherElements', axis(1))(ops, x, at(ops, [0, 0, 3, 2, -1, 2], [3, 2])),
  },
  {
    op: 'GatherND',
    inputs: [[3, 4, 2]],
    y: (ops, x) => node('GatherND')(ops, x, at(ops, [0, 1, 2, 3, 0, 1], [3, 2])),
  },
  ...[{}, ADDING].flatMap((mode): Case[] => {
    const about = 'reduction' in mode ? 'adding' : 'replacing';
    return [
      {
        op: 'ScatterElements',
        about,
        inputs: [
          [3, 4],
          [3, 2],
        ],
        y: (ops, x, updates) =>
          ops.node('ScatterElements', [x, at(ops, [0, 1, 3, 2, 1, -1], [3, 2]), updates], {
            ...axis(1),
            ...mode,
          }),
      },
      {
        op: 'ScatterND',
        about,
        inputs: [
          [3, 4],
          [2, 4],
        ],
        y: (ops, x, updates) => ops.node('ScatterND', [x, at(ops, [2, 0], [2, 1]), updates], mode),
      },
    ];
  }),
];
