// Brings single nodes of an older or newer operator set to the one that training graphs are written in. Not a converter of
// whole models: what means something else in the other set and is not handled here is refused by name.
// Source: the "Version" tables of https://github.com/onnx/onnx/blob/main/docs/Changelog.md

import { attr } from '../../src/onnx/build.ts';
import type { Attribute, Node, Tensor } from '../../src/onnx/model.ts';
import { i64, scalar } from '../../src/onnx/tensor.ts';
import { unsupported } from '../autodiff/rule.ts';
import { OPSET } from '../graph/ops.ts';

/** Adds a constant to the graph and returns its name. */
type AddConstant = (tensor: Tensor) => string;
type Upgrade = (node: Node, constant: AddConstant) => Node;

/** `ints` attribute to input 1, as `axes` and `split` went. */
const toInput =
  (name: string): Upgrade =>
  (node, constant) => {
    const { [name]: moved, ...attributes } = node.attributes;
    if (moved?.kind !== 'ints') return node;
    return { ...node, inputs: [node.inputs[0]!, constant(i64(moved.value))], attributes };
  };

const clip: Upgrade = (node, constant) => {
  const { min, max, ...attributes } = node.attributes;
  const limit = (one: Attribute | undefined) => (one?.kind === 'float' ? constant(scalar(one.value)) : '');
  return { ...node, inputs: [node.inputs[0]!, limit(min), limit(max)], attributes };
};

const slice: Upgrade = (node, constant) => {
  const { starts, ends, axes, ...attributes } = node.attributes;
  const list = (one: Attribute | undefined) => (one?.kind === 'ints' ? constant(i64(one.value)) : '');
  return { ...node, inputs: [node.inputs[0]!, list(starts), list(ends), list(axes)], attributes };
};

/** Before 13 it flattened all axes behind `axis`: the same where `axis` is the last one. */
const softmax: Upgrade = (node) => {
  const { axis } = node.attributes;
  if (axis?.kind === 'int' && axis.value === -1) return node;
  throw unsupported(node, 'of an operator set before 13, over another axis than -1');
};

const split: Upgrade = (node, constant) => {
  if (node.attributes.split) return toInput('split')(node, constant);
  if (node.inputs[1]) return node;
  // Equal parts were told from the number of outputs; since 18 it has to be said.
  const attributes = { ...node.attributes, num_outputs: attr.int(node.outputs.length) };
  return { ...node, attributes };
};

/** The set that brought the present form, and how to get there; operators that are not here kept theirs. */
const UPGRADES: Readonly<Record<string, readonly [since: number, Upgrade]>> = {
  ReduceSum: [13, toInput('axes')],
  ReduceMean: [18, toInput('axes')],
  ReduceMax: [18, toInput('axes')],
  ReduceMin: [18, toInput('axes')],
  ReduceProd: [18, toInput('axes')],
  ReduceL2: [18, toInput('axes')],
  ReduceSumSquare: [18, toInput('axes')],
  Squeeze: [13, toInput('axes')],
  Unsqueeze: [13, toInput('axes')],
  Softmax: [13, softmax],
  LogSoftmax: [13, softmax],
  Clip: [11, clip],
  Slice: [10, slice],
  Split: [18, split],
};
/** Dropout and the like do nothing outside training, but changed form; resizing changed its meaning. */
const REFUSED_BEFORE: Readonly<Record<string, number>> = {
  Upsample: Number.POSITIVE_INFINITY,
  Resize: 13,
  Pad: 11,
  BatchNormalization: 9,
  Dropout: Number.POSITIVE_INFINITY,
};
/** Came or changed in a later set. */
const REFUSED_FROM: Readonly<Record<string, number>> = {
  GroupNormalization: 21,
  Resize: 19,
  Gelu: 20,
  RMSNormalization: 23,
  RotaryEmbedding: 23,
  Attention: 23,
  Swish: 24,
};
const NEWEST = 24;

/**
 * The node as operator set `OPSET` has it. A Dropout becomes an Identity, as in any inference. Throws `onnx_unsupported`,
 * naming node and operator, where that is not possible.
 */
export function toTrainingOpset(options: { node: Node; opset: number; constant: AddConstant }): Node {
  const { node, opset, constant } = options;
  if (node.domain !== '') throw unsupported(node, `of the domain "${node.domain}", not of ONNX's own`);
  if (node.op === 'Dropout') {
    return {
      ...node,
      op: 'Identity',
      inputs: [node.inputs[0]!],
      outputs: [node.outputs[0]!],
      attributes: {},
    };
  }
  if (opset < (REFUSED_BEFORE[node.op] ?? 0)) throw unsupported(node, `of operator set ${opset}`);
  if (opset > NEWEST) throw unsupported(node, `of operator set ${opset}, newer than ${NEWEST}`);
  const changed = REFUSED_FROM[node.op] ?? Number.POSITIVE_INFINITY;
  if (changed > OPSET && opset >= changed) {
    throw unsupported(node, `of operator set ${opset}, changed in ${changed} after ${OPSET}`);
  }
  const [since, upgrade] = UPGRADES[node.op] ?? [0];
  return upgrade !== undefined && opset < since ? upgrade(node, constant) : node;
}
