// The operators that training can go through. An operator that is not here is refused by name.

import { type Rule, unsupported } from '../rule.ts';
import {
  abs,
  cos,
  elu,
  erf,
  gelu,
  hardSigmoid,
  hardSwish,
  leakyRelu,
  prelu,
  reciprocal,
  sigmoid,
  sin,
  softplus,
  tanh,
} from './activations.ts';
import { add } from './add.ts';
import { batchNormalization } from './batch-normalization.ts';
import { cast } from './cast.ts';
import { clip } from './clip.ts';
import { concat } from './concat.ts';
import { conv } from './conv.ts';
import { convTranspose } from './conv-transpose.ts';
import { div } from './div.ts';
import { exp } from './exp.ts';
import { expand } from './expand.ts';
import { flatten } from './flatten.ts';
import { gather, gatherElements, gatherND } from './gather.ts';
import { gemm } from './gemm.ts';
import { dropout, identity } from './identity.ts';
import { log } from './log.ts';
import { matmul } from './matmul.ts';
import { max } from './max.ts';
import { min } from './min.ts';
import { mul } from './mul.ts';
import { neg } from './neg.ts';
import { instanceNormalization, layerNormalization } from './normalization.ts';
import { pad } from './pad.ts';
import { averagePool, globalAveragePool, maxPool } from './pool.ts';
import { pow } from './pow.ts';
import { globalMaxPool, reduceExtreme, reduceL2, reduceMean, reduceSum, reduceSumSquare } from './reduce.ts';
import { relu } from './relu.ts';
import { reshape } from './reshape.ts';
import { scatterElements, scatterND } from './scatter.ts';
import { slice } from './slice.ts';
import { logSoftmax, softmax } from './softmax.ts';
import { split } from './split.ts';
import { sqrt } from './sqrt.ts';
import { squeeze, unsqueeze } from './squeeze.ts';
import { sub } from './sub.ts';
import { mean, sum } from './sum.ts';
import { tile } from './tile.ts';
import { argExtreme, topK } from './top-k.ts';
import { transpose } from './transpose.ts';
import { where } from './where.ts';

/** Comparisons, logic, rounding: constant almost everywhere, so no gradient goes through. */
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
  Abs: abs,
  Add: add,
  And: flat,
  ArgMax: argExtreme,
  ArgMin: argExtreme,
  AveragePool: averagePool,
  BatchNormalization: batchNormalization,
  Cast: cast,
  Ceil: flat,
  Clip: clip,
  Concat: concat,
  Constant: folded,
  ConstantOfShape: folded,
  Conv: conv,
  ConvTranspose: convTranspose,
  Cos: cos,
  DequantizeLinear: stored,
  Div: div,
  Dropout: dropout,
  Elu: elu,
  Equal: flat,
  Erf: erf,
  Exp: exp,
  Expand: expand,
  Flatten: flatten,
  Floor: flat,
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  Gelu: gelu,
  Gemm: gemm,
  GlobalAveragePool: globalAveragePool,
  GlobalMaxPool: globalMaxPool,
  Greater: flat,
  GreaterOrEqual: flat,
  HardSigmoid: hardSigmoid,
  HardSwish: hardSwish,
  Identity: identity,
  InstanceNormalization: instanceNormalization,
  IsInf: flat,
  IsNaN: flat,
  LayerNormalization: layerNormalization,
  LeakyRelu: leakyRelu,
  Less: flat,
  LessOrEqual: flat,
  Log: log,
  LogSoftmax: logSoftmax,
  MatMul: matmul,
  Max: max,
  MaxPool: maxPool,
  Mean: mean,
  Min: min,
  Mod: flat,
  Mul: mul,
  Neg: neg,
  Not: flat,
  Or: flat,
  PRelu: prelu,
  Pad: pad,
  Pow: pow,
  Range: folded,
  Reciprocal: reciprocal,
  ReduceL2: reduceL2,
  ReduceMax: reduceExtreme,
  ReduceMean: reduceMean,
  ReduceMin: reduceExtreme,
  ReduceSum: reduceSum,
  ReduceSumSquare: reduceSumSquare,
  Relu: relu,
  Reshape: reshape,
  Round: flat,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  Shape: folded,
  Sigmoid: sigmoid,
  Sign: flat,
  Sin: sin,
  Size: folded,
  Slice: slice,
  Softmax: softmax,
  Softplus: softplus,
  Split: split,
  Sqrt: sqrt,
  Squeeze: squeeze,
  Sub: sub,
  Sum: sum,
  Tanh: tanh,
  Tile: tile,
  TopK: topK,
  Transpose: transpose,
  Unsqueeze: unsqueeze,
  Where: where,
};
