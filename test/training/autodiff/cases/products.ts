// Products of stacks of matrices.
import { type Case, node } from './case.ts';

const products: readonly (readonly [about: string, ...inputs: (readonly number[])[]])[] = [
  ['two stacks', [2, 3, 4], [2, 4, 2]],
  ['heads', [2, 2, 3, 4], [2, 2, 4, 3]],
  ['tokens by one matrix', [2, 3, 4], [4, 2]],
  ['one matrix by a stack', [2, 3], [2, 3, 4]],
  ['stacks that broadcast', [2, 1, 3, 2], [3, 2, 4]],
  ['a stack of one by one matrix', [1, 3, 2], [2, 2]],
  ['a vector on the left', [3], [2, 3, 4]],
  ['a vector on the right', [2, 3, 4], [4]],
  ['a matrix and a vector', [3, 4], [4]],
  ['two vectors', [4], [4]],
];

export const PRODUCTS: readonly Case[] = products.map(([about, ...inputs]) => ({
  op: 'MatMul',
  about,
  inputs,
  y: node('MatMul'),
}));
