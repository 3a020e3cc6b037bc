// PFML over those pairs alone that can act: repulsion ends at deltaRepulsion and attraction keeps to a class, so the others are
// zero in value and gradient. Two graphs over lists that potential-field-lists.ts makes: for lazy proxies those few that a step
// moves or meets; else all proxies, class by class, with their near pairs.

import { attr } from '../../src/onnx/build.ts';
import type { ValueInfo } from '../../src/onnx/model.ts';
import type { Ops } from '../graph/ops.ts';
import type { Loss, LossInput, LossOutput, LossParameter, Sizes } from './loss.ts';
import { energy, fieldOfAll, isCharge, logOfFields, squaredDistances } from './potential-field-dense.ts';
import { MEMORY, memoryClasses, remember } from './potential-field-memory.ts';
import type { PotentialFieldOptions } from './potential-field-options.ts';
import { type PairPotentials, pairPotentials } from './potential-field-pair.ts';

/** Names of the lists. */
export const LISTS = {
  /** Lazy: proxies that rest but act [resting, dimension], and the class of each row, moving ones first, -1 where there is none. */
  resting: 'resting_proxies',
  classOf: 'proxy_class',
  /** All: proxies of the batch's classes and near its samples, with their classes; and near pairs of proxies of two classes. */
  near: 'near_proxies',
  nearClass: 'near_class',
  first: 'pair_first',
  second: 'pair_second',
} as const;

const list = (name: string, length: number): ValueInfo => ({ name, type: 'int32', dims: [length] });

/** Sizes: `moving` rows of the parameter, `resting` rows that are fed. */
export function lazyLoss(loss: Loss, o: PotentialFieldOptions, dimension: number, sizes: Sizes): Loss {
  const { moving = 0, resting = 0 } = sizes;
  const fed: ValueInfo = { name: LISTS.resting, type: 'float32', dims: [resting, dimension] };
  return {
    ...loss,
    partial: undefined,
    parameters: (shape) =>
      loss.parameters(shape).map((one): LossParameter => ({ ...one, dims: [moving, dimension] })),
    inputs: [list(LISTS.classOf, moving + resting), ...(resting > 0 ? [fed] : [])],
    build(input): LossOutput {
      const { ops, parameters } = input;
      const proxies = parameters.proxies!;
      const count = moving + resting;
      const moves = isCharge(ops, ops.reshape(ops.slice(LISTS.classOf, 0, 0, moving), [moving, 1]));
      const rest = resting > 0 ? ops.expand(ops.constant(0), [resting, 1]) : undefined;
      const charges = {
        rows: resting > 0 ? ops.concat([proxies, LISTS.resting], 0) : proxies,
        ...{ count, classOf: LISTS.classOf, padded: true },
        moving: rest === undefined ? moves : ops.concat([moves, rest], 0),
      };
      return {
        loss: fieldOfAll(input, o, charges),
        next: o.memory > 0 ? remember(input, o) : undefined,
        touched: { proxies: moves },
      };
    },
  };
}

/** Sizes: `near` proxies that samples (and the memory) meet, `pairs` of proxies. */
export function listedLoss(loss: Loss, o: PotentialFieldOptions, sizes: Sizes): Loss {
  const { near = 0, pairs = 0 } = sizes;
  const ofNear = near > 0 ? [list(LISTS.near, near), list(LISTS.nearClass, near)] : [];
  const ofPairs = pairs > 0 ? [list(LISTS.first, pairs), list(LISTS.second, pairs)] : [];
  return {
    ...loss,
    partial: undefined,
    inputs: [...ofNear, ...ofPairs],
    build: (input): LossOutput => ({
      loss: fieldOfListed(input, o, near, pairs),
      next: o.memory > 0 ? remember(input, o) : undefined,
    }),
  };
}

function fieldOfListed(input: LossInput, o: PotentialFieldOptions, near: number, pairs: number): string {
  const { ops, embeddings, labels, batch, buffers } = input;
  const proxies = input.parameters.proxies!;
  const placed = o.normalizeProxies ? ops.unitRows(proxies) : proxies;
  const pair = pairPotentials(input, o);
  const met = near > 0 ? rowsAt(ops, placed, LISTS.near) : undefined;
  const memory = o.memory > 0 ? { rows: buffers[MEMORY.rows]!, classOf: memoryClasses(input, o) } : undefined;

  const samples = { rows: embeddings, classOf: labels, count: batch };
  const ofNear = met && { rows: met, classOf: LISTS.nearClass, count: near };
  const ofMemory = memory && { ...memory, count: o.memory };
  const sources = [samples, ...(ofNear ? [ofNear] : []), ...(ofMemory ? [ofMemory] : [])];
  const block = (anchors: Charges, of: readonly Charges[]) => blockOf(input, o, pair, anchors, of);
  if (o.reduction === 'log') {
    const { A, R } = block(samples, sources);
    return logOfFields(input, o, ops.sum(A, [1]), ops.sum(R, [1]));
  }

  // Eq. 6 evaluates each pair at both ends, but the memory feels nothing.
  const parts: { A?: string; R?: string; times: number }[] = [{ ...block(samples, [samples]), times: 1 }];
  if (ofNear) parts.push({ ...block(samples, [ofNear]), times: 2 });
  if (ofMemory) parts.push({ ...block(samples, [ofMemory]), times: 1 });
  if (ofMemory && ofNear) parts.push({ ...block(ofNear, [ofMemory]), times: 1 });
  if (o.siblingAttraction && o.proxiesPerClass > 1) {
    parts.push({ A: pair.attraction(squaredInClasses(input, o, placed)), times: 1 });
  }
  if (pairs > 0) parts.push({ R: repulsionOfPairs(input, pair, placed, pairs), times: 2 });
  const total = (which: 'A' | 'R') =>
    parts
      .flatMap(({ times, ...part }) => (part[which] ? [ops.mul(times, ops.sum(part[which]))] : []))
      .reduce((sum, part) => ops.add(sum, part));
  return energy(input, o, total('A'), total('R'));
}

interface Charges {
  readonly rows: string;
  readonly classOf: string;
  readonly count: number;
}

/** What every pair of an anchor and a source costs, 0 where one of them is no charge. */
function blockOf(
  { ops }: LossInput,
  o: PotentialFieldOptions,
  pair: PairPotentials,
  anchors: Charges,
  sources: readonly Charges[],
): { A: string; R: string } {
  const join = (values: readonly string[]) => (values.length === 1 ? values[0]! : ops.concat(values, 0));
  const columns = sources.reduce((sum, { count }) => sum + count, 0);
  const column = ops.reshape(anchors.classOf, [anchors.count, 1]);
  const row = ops.reshape(join(sources.map(({ classOf }) => classOf)), [1, columns]);
  const charged = ops.mul(isCharge(ops, column), isCharge(ops, row));
  const same = ops.mask(ops.equal(column, row));
  const squared = squaredDistances(ops, anchors.rows, join(sources.map(({ rows }) => rows)), o);
  return {
    A: ops.mul(ops.mul(same, charged), pair.attraction(squared)),
    R: ops.mul(ops.mul(ops.sub(1, same), charged), pair.repulsion(squared)),
  };
}

/** [classes, m, m]: between the proxies of each class. */
function squaredInClasses({ ops, classes, dimension }: LossInput, o: PotentialFieldOptions, placed: string) {
  const m = o.proxiesPerClass;
  const grouped = ops.reshape(placed, [classes, m, dimension]);
  const dots = ops.matmul(grouped, ops.transpose(grouped, [0, 2, 1]));
  if (o.normalizeProxies) return ops.sub(2, ops.mul(2, dots));
  const squares = ops.sum(ops.mul(grouped, grouped), [2], true);
  return ops.sub(ops.add(squares, ops.transpose(squares, [0, 2, 1])), ops.mul(2, dots));
}

/** [pairs]; a place that is not filled has one proxy twice. */
function repulsionOfPairs({ ops }: LossInput, pair: PairPotentials, placed: string, pairs: number) {
  const both = rowsAt(ops, placed, ops.concat([LISTS.first, LISTS.second], 0));
  const apart = ops.sub(ops.slice(both, 0, 0, pairs), ops.slice(both, 0, pairs, 2 * pairs));
  const squared = ops.sum(ops.mul(apart, apart), [1]);
  const filled = ops.sub(1, ops.mask(ops.equal(LISTS.first, LISTS.second)));
  return ops.mul(filled, pair.repulsion(squared));
}

/** By int32 indices, which only the way there takes: the gradient's ScatterND wants int64. */
const rowsAt = (ops: Ops, x: string, indices: string) =>
  ops.gather(x, ops.node('Cast', [indices], { to: attr.int(7) }));
