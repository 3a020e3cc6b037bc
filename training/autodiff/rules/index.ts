// The operators that training can go through. An operator that is not here is refused by name.

import type { Rule } from '../rule.ts';
import { add } from './add.ts';
import { clip } from './clip.ts';
import { concat } from './concat.ts';
import { div } from './div.ts';
import { exp } from './exp.ts';
import { expand } from './expand.ts';
import { gemm } from './gemm.ts';
import { log } from './log.ts';
import { matmul } from './matmul.ts';
import { max } from './max.ts';
import { min } from './min.ts';
import { mul } from './mul.ts';
import { neg } from './neg.ts';
import { pow } from './pow.ts';
import { reduceMean, reduceSum } from './reduce.ts';
import { relu } from './relu.ts';
import { reshape } from './reshape.ts';
import { sqrt } from './sqrt.ts';
import { sub } from './sub.ts';
import { transpose } from './transpose.ts';
import { where } from './where.ts';

/** Comparisons, logic and casts to them: constant almost everywhere, so no gradient goes through. */
const flat: Rule = {};

export const RULES: Readonly<Record<string, Rule>> = {
  Add: add,
  And: flat,
  Cast: flat,
  Clip: clip,
  Concat: concat,
  Div: div,
  Equal: flat,
  Exp: exp,
  Expand: expand,
  Gemm: gemm,
  Greater: flat,
  GreaterOrEqual: flat,
  Less: flat,
  LessOrEqual: flat,
  Log: log,
  MatMul: matmul,
  Max: max,
  Min: min,
  Mul: mul,
  Neg: neg,
  Not: flat,
  Or: flat,
  Pow: pow,
  ReduceMean: reduceMean,
  ReduceSum: reduceSum,
  Relu: relu,
  Reshape: reshape,
  Sqrt: sqrt,
  Sub: sub,
  Transpose: transpose,
  Where: where,
};
