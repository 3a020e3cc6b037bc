// Limits on gradients as graph nodes: on each number, or on the norm of all together.

import type { Ops } from '../graph/ops.ts';

export interface ClipLimits {
  readonly clipValue?: number;
  readonly clipNorm?: number;
}

/** Appends the limits, the one on values first, and returns the new names; without a limit, the old ones. */
export function clipGradients(
  ops: Ops,
  gradients: Readonly<Record<string, string>>,
  { clipValue, clipNorm }: ClipLimits,
): Readonly<Record<string, string>> {
  const map = (change: (gradient: string) => string, of: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(of).map(([name, gradient]) => [name, change(gradient)]));
  const bounded =
    clipValue === undefined ? gradients : map((g) => ops.clip(g, -clipValue, clipValue), gradients);
  if (clipNorm === undefined) return bounded;
  const scale = ops.min(1, ops.div(clipNorm, ops.add(globalNorm(ops, Object.values(bounded)), 1e-12)));
  return map((g) => ops.mul(g, scale), bounded);
}

/** √ of the sum of all squares. */
export function globalNorm(ops: Ops, gradients: readonly string[]): string {
  const squares = gradients.map((gradient) => ops.sum(ops.mul(gradient, gradient)));
  return ops.sqrt(squares.reduce((sum, square) => ops.add(sum, square)));
}
