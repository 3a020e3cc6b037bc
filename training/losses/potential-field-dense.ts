// PFML over a set of charges, every pair of them: what the dense form does with all proxies, and the sparse form of lazy proxies
// with those few that can act in this step.

import type { Ops } from '../graph/ops.ts';
import type { LossInput } from './loss.ts';
import { MEMORY, memoryClasses } from './potential-field-memory.ts';
import type { PotentialFieldOptions } from './potential-field-options.ts';
import { pairPotentials } from './potential-field-pair.ts';

export interface ProxyCharges {
  /** Value [count, dimension], as learned. */
  readonly rows: string;
  readonly count: number;
  /** int32 value [count]. */
  readonly classOf: string;
  /** Some of them are of class -1: no charges, places that are not filled. */
  readonly padded?: boolean;
  /** Value [count, 1] of 0 and 1: those that this step moves. A pair of two that rest is left out. Absent: all move. */
  readonly moving?: string;
}

/** The class of each proxy, as an int32 constant [classes * m]. */
export function allClasses({ ops, classes }: LossInput, m: number): string {
  const data = Int32Array.from({ length: classes * m }, (_, i) => Math.floor(i / m));
  return ops.builder.constant({ type: 'int32', dims: [classes * m], data });
}

/** The loss, a value of one element. Anchors feel the field, charges make it: all under Eq. 6, the samples alone under `log`. */
export function fieldOfAll(input: LossInput, o: PotentialFieldOptions, proxies?: ProxyCharges): string {
  const { ops, embeddings, labels, batch } = input;
  const log = o.reduction === 'log';
  const points = batch + (proxies?.count ?? 0);
  const anchors = log ? batch : points;
  const columns = points + o.memory;

  const among =
    log && proxies && o.normalizeProxies
      ? squaredFromSamples(ops, embeddings, proxies.rows)
      : squaredAmongAll(ops, embeddings, proxies?.rows, o);
  const squared = o.memory === 0 ? among : ops.concat([among, squaredToMemory(input, proxies?.rows, o)], 1);

  const classOf = proxies ? ops.concat([labels, proxies.classOf], 0) : labels;
  const sources = o.memory === 0 ? classOf : ops.concat([classOf, memoryClasses(input, o)], 0);
  const row = ops.reshape(sources, [1, columns]);
  const same = ops.mask(ops.equal(ops.reshape(log ? labels : classOf, [anchors, 1]), row));
  let attracting = same;
  let repelling = ops.sub(1, same);
  // What is not in the memory yet, or fills a place, is of class -1: nobody's own, and it must not repel.
  if (o.memory > 0 || proxies?.padded) repelling = ops.mul(repelling, isCharge(ops, row));
  if (proxies && !log) {
    if (proxies.padded) {
      repelling = ops.mul(repelling, isCharge(ops, ops.reshape(classOf, [points, 1])));
    }
    if (!o.siblingAttraction) attracting = ops.mul(same, notBothProxies(ops, batch, points, o.memory));
    if (proxies.moving) {
      const acts = eitherMoves(input, proxies.moving, points, o.memory);
      attracting = ops.mul(attracting, acts);
      repelling = ops.mul(repelling, acts);
    }
  }
  const pair = pairPotentials(input, o);
  const A = ops.sum(ops.mul(attracting, pair.attraction(squared)), [1]);
  const R = ops.sum(ops.mul(repelling, pair.repulsion(squared)), [1]);
  return log ? logOfFields(input, o, A, R) : energy(input, o, A, R);
}

/** Mean over the samples of log(1 + A) + repulsionWeight log(1 + R), from the fields at each of them [batch]. */
export function logOfFields(input: LossInput, o: PotentialFieldOptions, A: string, R: string): string {
  const { ops } = input;
  const unit = pairPotentials(input, o).power(o.deltaRepulsion / o.deltaAttraction, o.alphaAttraction);
  const fields = [ops.log(ops.add(1, ops.mul(unit, A))), ops.log(ops.add(1, R))] as const;
  return ops.mean(ops.add(fields[0], ops.mul(o.repulsionWeight, fields[1])));
}

/** The sum of all, from parts of any dims in units of the potential at each delta; for `mean`, divided by the number of pairs. */
export function energy(input: LossInput, o: PotentialFieldOptions, A: string, R: string): string {
  const { ops, batch, classes } = input;
  const { power } = pairPotentials(input, o);
  const total = ops.sum(
    ops.add(
      ops.mul(power(o.deltaAttraction, -o.alphaAttraction), A),
      ops.mul(ops.mul(o.repulsionWeight, power(o.deltaRepulsion, -o.alphaRepulsion)), R),
    ),
  );
  const points = batch + classes * o.proxiesPerClass;
  return o.reduction === 'sum' ? total : ops.div(total, points * (points - 1));
}

/** 1 where a class is 0 or more. */
export function isCharge(ops: Ops, classes: string): string {
  const none = ops.builder.constant({ type: 'int32', dims: [], data: Int32Array.of(-1) });
  return ops.mask(ops.greater(classes, none));
}

/** [points, points + memory]: 0 for a pair of two proxies that rest, or of one with the memory. */
function eitherMoves({ ops, batch }: LossInput, moving: string, points: number, memory: number): string {
  const samples = ops.expand(ops.constant(1), [batch, 1]);
  const rests = ops.sub(1, ops.concat([samples, moving], 0));
  const columns = memory === 0 ? rests : ops.concat([rests, ops.expand(ops.constant(1), [memory, 1])], 0);
  return ops.sub(1, ops.mul(rests, ops.reshape(columns, [1, points + memory])));
}

/**
 * From every sample to every sample and proxy. Proxies get their unit length in the cosines, not where they are: their own tensor
 * is the larger one, and passes over it are a tenth of a training step.
 */
function squaredFromSamples(ops: Ops, embeddings: string, proxies: string): string {
  const toSamples = ops.gemm(embeddings, embeddings, { transB: true });
  const toProxies = ops.gemm(embeddings, proxies, { transB: true });
  const cosines = ops.mul(toProxies, ops.transpose(ops.inverseLengths(proxies), [1, 0]));
  return ops.sub(2, ops.mul(2, ops.concat([toSamples, cosines], 1)));
}

function squaredAmongAll(
  ops: Ops,
  embeddings: string,
  proxies: string | undefined,
  o: PotentialFieldOptions,
) {
  const placed = proxies && o.normalizeProxies ? ops.unitRows(proxies) : proxies;
  const charges = placed ? ops.concat([embeddings, placed], 0) : embeddings;
  return squaredDistances(ops, o.reduction === 'log' ? embeddings : charges, charges, o);
}

/** From every anchor to every earlier embedding. */
function squaredToMemory(
  { ops, embeddings, buffers }: LossInput,
  proxies: string | undefined,
  o: PotentialFieldOptions,
) {
  const memory = buffers[MEMORY.rows]!;
  const placed = proxies && o.normalizeProxies ? ops.unitRows(proxies) : proxies;
  const anchors = o.reduction === 'log' || !placed ? embeddings : ops.concat([embeddings, placed], 0);
  return squaredDistances(ops, anchors, memory, o);
}

/** ‖a‖² + ‖b‖² - 2 a·b, where the norms are 1 unless proxies keep their length. */
export function squaredDistances(ops: Ops, a: string, b: string, o: PotentialFieldOptions): string {
  const norms = (x: string) => ops.sum(ops.mul(x, x), [1], true);
  if (o.normalizeProxies || o.proxiesPerClass === 0) {
    return ops.gemm(a, b, { alpha: -2, transB: true, c: ops.constant(2) });
  }
  return ops.add(norms(a), ops.gemm(a, b, { alpha: -2, transB: true, c: ops.transpose(norms(b), [1, 0]) }));
}

/** Earlier embeddings, after the points, are samples. */
function notBothProxies(ops: Ops, batch: number, points: number, memory: number): string {
  const isSample = Uint8Array.from({ length: points + memory }, (_, i) => Number(i < batch || i >= points));
  const column = ops.builder.constant({ type: 'bool', dims: [points, 1], data: isSample.slice(0, points) });
  const row = ops.builder.constant({ type: 'bool', dims: [1, points + memory], data: isSample });
  return ops.mask(ops.builder.node('Or', [column, row]));
}
