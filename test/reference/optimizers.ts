// Optimisers from their formulas, in float64 on plain arrays: AdamW (Loshchilov & Hutter 2019, algorithm 2), Adam with the decay
// in the gradient, and SGD with momentum as torch.optim documents it. Clipping and averages with them.

import type { Optimizer } from '../../training/optim/optimizer.ts';

export interface ReferenceOptions {
  readonly optimizer: Optimizer;
  readonly start: readonly number[];
  /** Multipliers of every number's rate and decay. */
  readonly learningRates: readonly number[];
  readonly decays: readonly number[];
  readonly clipValue?: number;
  readonly clipNorm?: number;
  readonly ema?: number;
}

export function referenceOptimizer(options: ReferenceOptions) {
  const {
    optimizer: o,
    clipValue = Number.POSITIVE_INFINITY,
    clipNorm = Number.POSITIVE_INFINITY,
    ema,
  } = options;
  const p = [...options.start];
  const zeros = () => p.map(() => 0);
  const slots: Record<string, number[]> =
    o.kind !== 'sgd' ? { first: zeros(), second: zeros() } : o.momentum > 0 ? { momentum: zeros() } : {};
  if (ema !== undefined) slots.average = [...p];
  let t = 0;
  const step = (gradient: readonly number[], rate: number) => {
    t++;
    const bounded = gradient.map((g) => Math.max(-clipValue, Math.min(clipValue, g)));
    const scale = Math.min(1, clipNorm / Math.hypot(...bounded));
    for (const k of p.keys()) {
      const lr = rate * options.learningRates[k]!;
      const decay = o.weightDecay * options.decays[k]!;
      let g = bounded[k]! * scale;
      if (o.kind !== 'adamw') g += decay * p[k]!;
      if (o.kind === 'sgd') {
        const u = o.momentum * (slots.momentum?.[k] ?? 0) + g;
        if (slots.momentum) slots.momentum[k] = u;
        p[k]! -= lr * (o.nesterov ? g + o.momentum * u : u);
      } else {
        const m = o.beta1 * slots.first![k]! + (1 - o.beta1) * g;
        const v = o.beta2 * slots.second![k]! + (1 - o.beta2) * g * g;
        slots.first![k] = m;
        slots.second![k] = v;
        const move = m / (1 - o.beta1 ** t) / (Math.sqrt(v / (1 - o.beta2 ** t)) + o.epsilon);
        p[k]! -= lr * (move + (o.kind === 'adamw' ? decay * p[k]! : 0));
      }
      if (ema !== undefined) {
        const stays = Math.min(ema, (1 + t) / (10 + t));
        slots.average![k] = stays * slots.average![k]! + (1 - stays) * p[k]!;
      }
    }
  };
  return { p, slots, step };
}
