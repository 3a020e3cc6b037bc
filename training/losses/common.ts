// What the baseline losses share: who is of which class, cosines, proxies, cross-entropy. Not a loss.

import { invalid, refuseUnknown } from '../../src/errors/error.ts';
import type { Rng } from '../../src/math/rng.ts';
import { attr } from '../../src/onnx/build.ts';
import { i64 } from '../../src/onnx/tensor.ts';
import type { Operand, Ops } from '../graph/ops.ts';
import type { LossInput, LossParameter, LossShape } from './loss.ts';

/** [batch, batch] of 0 and 1: pairs of one class without the pairs of a sample with itself, and pairs of two classes. */
export function samplePairs({ ops, labels, batch }: LossInput): { same: string; different: string } {
  const equal = ops.equal(ops.reshape(labels, [batch, 1]), ops.reshape(labels, [1, batch]));
  const all = ops.mask(equal);
  const self = Float64Array.from({ length: batch * batch }, (_, i) => Number(i % (batch + 1) === 0));
  const dims = [batch, batch];
  const diagonal = ops.builder.constant(
    ops.type === 'float64'
      ? { type: 'float64', dims, data: self }
      : { type: 'float32', dims, data: Float32Array.from(self) },
  );
  return { same: ops.sub(all, diagonal), different: ops.sub(1, all) };
}

/** [batch, classes] of 0 and 1: the class of each sample. */
export function oneHot({ ops, labels, batch, classes }: LossInput): string {
  const data = Int32Array.from({ length: classes }, (_, c) => c);
  const all = ops.builder.constant({ type: 'int32', dims: [1, classes], data });
  return ops.mask(ops.equal(ops.reshape(labels, [batch, 1]), all));
}

/** Cosines of all pairs of unit rows. */
export const cosines = (ops: Ops, a: string, b: string) => ops.gemm(a, b, { transB: true });

/** Mean over rows of -log softmax(logits) at the marked column of each row. */
export function crossEntropy(ops: Ops, logits: string, marked: string): string {
  const log = ops.node('LogSoftmax', [logits], { axis: attr.int(-1) });
  return ops.neg(ops.mean(ops.sum(ops.mul(marked, log), [1])));
}

const FAR = 1e4;

/** Largest of `x` along an axis where `mask` is 1; -10000 where it is nowhere. */
export function maxWhere(ops: Ops, mask: string, x: string, axis: number): string {
  return ops.node(
    'ReduceMax',
    [ops.where(ops.greater(mask, 0), x, -FAR), ops.builder.constant(i64([axis]))],
    {
      keepdims: attr.int(1),
    },
  );
}

/** 1 where there is one, else 0. */
export const present = (ops: Ops, count: Operand) => ops.mask(ops.greater(count, 0));

export type ProxyInit = 'random' | 'class-mean';

export interface ProxyOptions {
  /** Where proxies start: normal noise, or the mean of their class under the start of the network. */
  readonly proxyInit: ProxyInit;
  /** Learning rate of the proxies relative to the network's. */
  readonly proxyLearningRateMultiplier: number;
}

/** `count` proxies for each class, class after class: [classes * count, dimension]. */
export function proxies(
  { classes, dimension }: LossShape,
  count: number,
  options: ProxyOptions,
): LossParameter {
  const { proxyInit, proxyLearningRateMultiplier: learningRateMultiplier } = options;
  return {
    name: 'proxies',
    dims: [classes * count, dimension],
    learningRateMultiplier,
    initial: ({ rng, classMeans }) =>
      proxyInit === 'random'
        ? noise(classes * count * dimension, dimension, 1, rng)
        : aroundMeans(classMeans(), count, dimension, rng),
  };
}

function noise(length: number, dimension: number, scale: number, rng: Rng): Float32Array {
  return Float32Array.from({ length }, () => (scale * rng.normal()) / Math.sqrt(dimension));
}

/** One proxy is the mean itself; several lie about 0.1 from it. */
function aroundMeans(means: Float32Array, count: number, dimension: number, rng: Rng): Float32Array {
  if (count === 1) return means.slice();
  const around = noise(means.length * count, dimension, 0.1, rng);
  for (let i = 0; i < around.length; i++) {
    around[i]! += means[Math.floor(i / dimension / count) * dimension + (i % dimension)]!;
  }
  return around;
}

/** Least and most that an option may be; `whole`: a count. */
type Bounds = readonly [least: number, most: number, whole?: 'whole'];

/** The optimiser's step is this times the run's rate: at 0 the proxies would be declared and never learn. */
const MULTIPLIER: Bounds = [1e-6, 1e6];

/** Defaults with changes, each a finite number within its bounds, 0 or more by default. Throws `invalid_argument` and `unknown_option`. */
export function resolve<T extends object>(
  name: string,
  defaults: T,
  changes: Partial<T>,
  bounds: Partial<Record<keyof T, Bounds>>,
): T {
  refuseUnknown(changes, Object.keys(defaults), name);
  const set = Object.entries(changes).filter(([, value]) => value !== undefined);
  const options = { ...defaults, ...Object.fromEntries(set) } as T;
  const limits: Partial<Record<string, Bounds>> = { proxyLearningRateMultiplier: MULTIPLIER, ...bounds };
  for (const [field, value] of Object.entries(options)) {
    if (field === 'proxyInit') {
      if (value !== 'random' && value !== 'class-mean') throw invalid(field, 'random or class-mean', value);
      continue;
    }
    const [least, most, whole] = limits[field] ?? [0, Number.MAX_VALUE];
    const fits = typeof value === 'number' && value >= least && value <= most;
    if (fits && (!whole || Number.isInteger(value))) continue;
    const range = most === Number.MAX_VALUE ? `of ${least} or more` : `of ${least} to ${most}`;
    throw invalid(field, `a ${whole ? 'whole ' : ''}number ${range}`, value);
  }
  return options;
}

/** For heads on frozen features: proxies start where their class is and move a little faster than the head. */
export const FROZEN_PROXIES: ProxyOptions = { proxyInit: 'class-mean', proxyLearningRateMultiplier: 3 };
/** The habit of the proxy losses' papers. */
export const PAPER_PROXIES: ProxyOptions = { proxyInit: 'random', proxyLearningRateMultiplier: 100 };
