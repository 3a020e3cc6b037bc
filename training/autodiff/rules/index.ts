// The operators that training can go through. An operator that is not here is refused by name.

import { type Rule, unsupported } from '../rule.ts';
import { add } from './add.ts';
import { batchNormalization } from './batch-normalization.ts';
import { clip } from './clip.ts';
import { concat } from './concat.ts';
import { conv } from './conv.ts';
import { convTranspose } from './conv-transpose.ts';
import { div } from './div.ts';
import { exp } from './exp.ts';
import { expand } from './expand.ts';
import { flatten } from './flatten.ts';
import { gemm } from './gemm.ts';
import { dropout, identity } from './identity.ts';
import { log } from './log.ts';
import { matmul } from './matmul.ts';
import { max } from './max.ts';
import { min } from './min.ts';
import { mul } from './mul.ts';
import { neg } from './neg.ts';
import { averagePool, globalAveragePool, maxPool } from './pool.ts';
import { pow } from './pow.ts';
import { reduceMean, reduceSum } from './reduce.ts';
import { relu } from './relu.ts';
import { reshape } from './reshape.ts';
import { sigmoid } from './sigmoid.ts';
import { slice } from './slice.ts';
import { sqrt } from './sqrt.ts';
import { squeeze, unsqueeze } from './squeeze.ts';
import { sub } from './sub.ts';
import { transpose } from './transpose.ts';
import { where } from './where.ts';

/** Comparisons, logic and casts to them: constant almost everywhere, so no gradient goes through. */
const flat: Rule = {};
/** Weights stored in 8 bits are not trained as they are: they count as constants of the input's dims. */
const stored: Rule = { dims: ({ dims: [x] }) => x! };
/** Known from dims alone: fold.ts gives their value, or they are refused. */
const folded: Rule = {
  dims: ({ node }) => {
    throw unsupported(node, 'can only be computed from fixed dims');
  },
};

export const RULES: Readonly<Record<string, Rule>> = {
  Add: add,
  And: flat,
  AveragePool: averagePool,
  BatchNormalization: batchNormalization,
  Cast: flat,
  Clip: clip,
  Concat: concat,
  Constant: folded,
  ConstantOfShape: folded,
  Conv: conv,
  ConvTranspose: convTranspose,
  DequantizeLinear: stored,
  Div: div,
  Dropout: dropout,
  Equal: flat,
  Exp: exp,
  Expand: expand,
  Flatten: flatten,
  Gemm: gemm,
  GlobalAveragePool: globalAveragePool,
  Greater: flat,
  GreaterOrEqual: flat,
  Identity: identity,
  Less: flat,
  LessOrEqual: flat,
  Log: log,
  MatMul: matmul,
  Max: max,
  MaxPool: maxPool,
  Min: min,
  Mul: mul,
  Neg: neg,
  Not: flat,
  Or: flat,
  Pow: pow,
  Range: folded,
  ReduceMean: reduceMean,
  ReduceSum: reduceSum,
  Relu: relu,
  Reshape: reshape,
  Shape: folded,
  Sigmoid: sigmoid,
  Size: folded,
  Slice: slice,
  Sqrt: sqrt,
  Squeeze: squeeze,
  Sub: sub,
  Transpose: transpose,
  Unsqueeze: unsqueeze,
  Where: where,
};
