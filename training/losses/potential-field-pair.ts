// The potential of one pair, Eq. 1 and 2 of PFML without their constants, as graph nodes over squared distances; with the two
// changes of ours to it: alphas on a schedule, and a largest force.

import type { Operand, Ops } from '../graph/ops.ts';
import type { LossInput } from './loss.ts';
import type { PotentialFieldOptions } from './potential-field-options.ts';

/** Name of the scheduled factor of both alphas. */
export const ALPHA = 'alpha_scale';

export interface PairPotentials {
  /** deltaAttraction^-alphaAttraction · this is what an attracting pair costs: 0 up to deltaAttraction, then rising to 1. */
  attraction(squared: string): string;
  /** deltaRepulsion^-alphaRepulsion · this is what a repelling pair costs: 0 from deltaRepulsion on, rising as they near. */
  repulsion(squared: string): string;
  /** base^alpha with the alpha of this step. */
  power(base: number, alpha: number): Operand;
}

/**
 * With x = d / delta: x^-alpha as exp(-alpha/2 ln x²). Pow would be three times slower on CPU, and the flat side is exp(0) = 1 to
 * the bit. So a charge needs no mask against itself: within delta, attraction is 0 and so is its force.
 */
export function pairPotentials({ ops, scheduled }: LossInput, o: PotentialFieldOptions): PairPotentials {
  // What alpha is times, scheduled or 1: only then does a constant of it become a value of the graph.
  const scale = scheduled[ALPHA];
  const power = (base: number, alpha: number): Operand =>
    scale === undefined ? base ** alpha : ops.exp(ops.mul(alpha * Math.log(base), scale));
  const decay = (alpha: number, excess: string) =>
    ops.exp(ops.mul(scale === undefined ? -alpha / 2 : ops.mul(-alpha / 2, scale), excess));
  /** ln x² with x = d / delta. */
  const beyond = (squared: string, delta: number) =>
    ops.sub(ops.log(ops.max(squared, o.distanceFloor ** 2)), 2 * Math.log(delta));
  if (o.forceCap === 0) {
    return {
      power,
      attraction: (squared) =>
        ops.sub(1, decay(o.alphaAttraction, ops.max(beyond(squared, o.deltaAttraction), 0))),
      repulsion: (squared) =>
        ops.sub(decay(o.alphaRepulsion, ops.min(beyond(squared, o.deltaRepulsion), 0)), 1),
    };
  }
  return {
    power,
    attraction(squared) {
      const { force, logEdge } = cap(ops, o.forceCap, o.deltaAttraction, o.alphaAttraction, scale);
      const logX = beyond(squared, o.deltaAttraction);
      const edge = largest(ops, logEdge, 0);
      const straight = ops.sub(root(ops, ops.min(ops.max(logX, 0), edge)), 1);
      const curved = ops.sub(
        decay(o.alphaAttraction, asValue(ops, edge)),
        decay(o.alphaAttraction, ops.max(logX, edge)),
      );
      return ops.add(ops.mul(force, straight), curved);
    },
    repulsion(squared) {
      const { force, logEdge } = cap(ops, o.forceCap, o.deltaRepulsion, o.alphaRepulsion, scale);
      const logX = beyond(squared, o.deltaRepulsion);
      const edge = smallest(ops, logEdge, 0);
      const curved = ops.sub(decay(o.alphaRepulsion, ops.max(ops.min(logX, 0), edge)), 1);
      const straight = ops.max(ops.sub(root(ops, asValue(ops, edge)), root(ops, logX)), 0);
      return ops.add(curved, ops.mul(force, straight));
    },
  };
}

/** The largest force in units of x and of delta^-alpha, and ln x² where the free force alpha / x^(alpha+1) reaches it. */
function cap(ops: Ops, limit: number, delta: number, alpha: number, scale: string | undefined) {
  if (scale === undefined) {
    const force = limit * delta ** (alpha + 1);
    return { force, logEdge: (2 * Math.log(alpha / force)) / (alpha + 1) };
  }
  const now = ops.mul(alpha, scale);
  const logForce = ops.add(ops.mul(ops.add(now, 1), Math.log(delta)), Math.log(limit));
  return {
    force: ops.exp(logForce),
    logEdge: ops.div(ops.mul(2, ops.sub(ops.log(now), logForce)), ops.add(now, 1)),
  };
}

/** x from ln x². */
const root = (ops: Ops, logX: string) => ops.exp(ops.mul(0.5, logX));
const asValue = (ops: Ops, x: Operand) => (typeof x === 'number' ? ops.constant(x) : x);
const largest = (ops: Ops, x: Operand, y: number): Operand =>
  typeof x === 'number' ? Math.max(x, y) : ops.max(x, y);
const smallest = (ops: Ops, x: Operand, y: number): Operand =>
  typeof x === 'number' ? Math.min(x, y) : ops.min(x, y);
