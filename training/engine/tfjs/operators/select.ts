// Picking by index and putting back by index. All of it comes down to taking rows of a matrix: the library has no gradient for
// its other forms, and wasm none for any.

import { number, positive, range, text } from '../../../autodiff/rule.ts';
import { detached } from '../detach.ts';
import type { Tensor } from '../load.ts';
import { type Compute, differentiable, type Operator, plain, refused, type Step } from '../operator.ts';

const scatter = ({ tf }: Step, rows: Tensor, updates: Tensor, shape: readonly number[]): Tensor =>
  tf.scatterND(tf.reshape(rows, [-1, 1]), updates, [...shape]);

/** Rows of `x` [n, width] by `rows` int32 [m]: [m, width]. The gradient adds up where a row is taken more than once. */
function takeRows(step: Step, x: Tensor, rows: Tensor): Tensor {
  const { tf, active } = step;
  const shape = x.shape;
  return differentiable(step, {
    inputs: [x, rows],
    active: [active[0]!, false],
    forward: () => tf.gather(x, rows),
    backward: (gradient, [, saved]) => [() => scatter(step, saved!, gradient, shape)],
  });
}

/** Adds `updates` [m, width] at `rows` [m] to zeros [n, width]: the other direction. */
function addRows(
  step: Step,
  rows: Tensor,
  updates: Tensor,
  shape: readonly number[],
  active: boolean,
): Tensor {
  return differentiable(step, {
    inputs: [updates, rows],
    active: [active, false],
    forward: () => scatter(step, rows, updates, shape),
    backward: (gradient, [, saved]) => [() => step.tf.gather(gradient, saved!)],
  });
}

/** Indices may count from the end. */
const wrapped = ({ tf }: Step, indices: Tensor, size: number): Tensor =>
  tf.where(tf.less(indices, 0), tf.add(indices, tf.scalar(size, 'int32')), indices);

/** Axis `axis` first. */
const front = (rank: number, axis: number) => [axis, ...range(rank).filter((i) => i !== axis)];
const back = (perm: readonly number[]) => perm.map((_, axis) => perm.indexOf(axis));

const gather: Compute = (step) => {
  const { tf, node, outputDims } = step;
  const [x, indices] = step.inputs as [Tensor, Tensor];
  const axis = positive(number(node, 'axis', 0), x.rank);
  const size = x.shape[axis]!;
  const perm = front(x.rank, axis);
  const rows = tf.reshape(axis === 0 ? x : tf.transpose(x, perm), [size, -1]);
  const taken = takeRows(step, rows, wrapped(step, tf.reshape(indices, [-1]), size));
  const rest = x.shape.filter((_, i) => i !== axis);
  if (axis === 0) return tf.reshape(taken, [...outputDims[0]!]);
  // [indices, rest] to rest with the indices at `axis`.
  const moved = tf.transpose(tf.reshape(taken, [indices.size, ...rest]), back(perm));
  return tf.reshape(moved, [...outputDims[0]!]);
};

/** For GatherElements and ScatterElements: where in flattened `shape` every element of `indices` points along `axis`. */
function flatIndices(step: Step, indices: Tensor, shape: readonly number[], axis: number): Tensor {
  const { tf } = step;
  const stride = (i: number) => shape.slice(i + 1).reduce((product, size) => product * size, 1);
  const along = tf.mul(wrapped(step, indices, shape[axis]!), tf.scalar(stride(axis), 'int32'));
  const all = range(shape.length)
    .filter((i) => i !== axis)
    .reduce<Tensor>((sum, i) => {
      const dims = indices.shape.map((size, k) => (k === i ? size : 1));
      const steps = tf.mul(tf.range(0, indices.shape[i]!, 1, 'int32'), tf.scalar(stride(i), 'int32'));
      return tf.add(sum, tf.reshape(steps, dims));
    }, along);
  return tf.reshape(all, [-1]);
}

function elementsAt(step: Step, x: Tensor, indices: Tensor, axis: number): Tensor {
  const where = flatIndices(step, indices, x.shape, axis);
  return step.tf.reshape(takeRows(step, step.tf.reshape(x, [-1, 1]), where), indices.shape);
}

const gatherElements: Compute = (step) => {
  const [x, indices] = step.inputs as [Tensor, Tensor];
  return elementsAt(step, x, indices, positive(number(step.node, 'axis', 0), x.rank));
};

/** x [n, width] with rows replaced or added to. */
function scattered(step: Step, x: Tensor, rows: Tensor, updates: Tensor): Tensor {
  const { tf, node, active } = step;
  const reduction = text(node, 'reduction', 'none');
  if (reduction !== 'none' && reduction !== 'add') throw refused(step, `reduction "${reduction}"`);
  const added = addRows(step, rows, updates, x.shape, active[2]!);
  if (reduction === 'add') return tf.add(x, added);
  const hit = scatter(step, rows, tf.ones([rows.size, 1]), [x.shape[0]!, 1]);
  return tf.add(tf.where(tf.greater(hit, 0), tf.zerosLike(x), x), added);
}

const scatterElements: Compute = (step) => {
  const { tf, node } = step;
  const [x, indices, updates] = step.inputs as [Tensor, Tensor, Tensor];
  const where = flatIndices(step, indices, x.shape, positive(number(node, 'axis', 0), x.rank));
  const result = scattered(step, tf.reshape(x, [-1, 1]), where, tf.reshape(updates, [-1, 1]));
  return tf.reshape(result, x.shape);
};

/** For GatherND and ScatterND: the first axes of `x` as one of rows, and which of them `indices` [..., depth] name. */
function rowsOf(step: Step, x: Tensor, indices: Tensor): { matrix: Tensor; rows: Tensor } {
  const { tf } = step;
  const depth = indices.shape.at(-1)!;
  const lead = x.shape.slice(0, depth);
  const parts = tf.split(tf.reshape(indices, [-1, depth]), depth, 1);
  const rows = parts.reduce<Tensor | undefined>((sum, part, i) => {
    const own = wrapped(step, part, lead[i]!);
    return sum ? tf.add(tf.mul(sum, tf.scalar(lead[i]!, 'int32')), own) : own;
  }, undefined)!;
  const count = lead.reduce((product, size) => product * size, 1);
  return { matrix: tf.reshape(x, [count, -1]), rows: tf.reshape(rows, [-1]) };
}

const gatherNd: Compute = (step) => {
  const [x, indices] = step.inputs as [Tensor, Tensor];
  if (number(step.node, 'batch_dims', 0) !== 0) throw refused(step, 'batch_dims above 0');
  const { matrix, rows } = rowsOf(step, x, indices);
  return step.tf.reshape(takeRows(step, matrix, rows), [...step.outputDims[0]!]);
};

const scatterNd: Compute = (step) => {
  const { tf } = step;
  const [x, indices, updates] = step.inputs as [Tensor, Tensor, Tensor];
  const { matrix, rows } = rowsOf(step, x, indices);
  const wide = tf.reshape(updates, [-1, matrix.shape[1]!]);
  return tf.reshape(scattered(step, matrix, rows, wide), x.shape);
};

/** Values and indices, sorted. Equal values: the one that comes first. */
const topK: Compute = (step) => {
  const { tf, node } = step;
  const x = step.inputs[0]!;
  const axis = positive(number(node, 'axis', -1), x.rank);
  const k = step.outputDims[0]![axis]!;
  const perm = [...range(x.rank).filter((i) => i !== axis), axis];
  const last = axis === x.rank - 1 ? x : tf.transpose(x, perm);
  const keys = number(node, 'largest', 1) === 1 ? last : tf.neg(last);
  const { indices } = tf.topk(detached(tf, keys), k, true);
  const found = axis === x.rank - 1 ? indices : tf.transpose(indices, back(perm));
  return [elementsAt(step, x, found, axis), found];
};

export const SELECT: Readonly<Record<string, Operator>> = {
  Gather: plain(gather),
  GatherElements: plain(gatherElements),
  GatherND: plain(gatherNd),
  ScatterElements: plain(scatterElements),
  ScatterND: plain(scatterNd),
  TopK: plain(topK),
};
