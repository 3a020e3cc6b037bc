// SoftTriple (Qian et al., ICCV 2019): softmax over classes of several centres each, and a term that merges idle centres.

import { attr } from '../../src/onnx/build.ts';
import type { Ops } from '../graph/ops.ts';
import {
  cosines,
  crossEntropy,
  oneHot,
  PAPER_PROXIES,
  type ProxyOptions,
  proxies,
  resolve,
} from './common.ts';
import type { Loss } from './loss.ts';

export interface SoftTripleOptions extends ProxyOptions {
  readonly lambda: number;
  readonly gamma: number;
  /** Weight of the term that merges centres of a class. */
  readonly tau: number;
  readonly delta: number;
  readonly centresPerClass: number;
}

/** S_c = Σ_k softmax_k(s / gamma) s; cross-entropy of lambda (S_c - delta [c = y]) + tau R. Paper: 20, 0.1, 0.2, 0.01, 10 centres. */
export function softTriple(changes: Partial<SoftTripleOptions> = {}): Loss {
  const defaults = { lambda: 20, gamma: 0.1, tau: 0.2, delta: 0.01, centresPerClass: 10, ...PAPER_PROXIES };
  const options = resolve('softTriple', defaults, changes, {
    lambda: [1e-3, 1e3],
    gamma: [1e-3, 1e3],
    centresPerClass: [1, 1000, 'whole'],
  });
  const { lambda, gamma, tau, delta, centresPerClass: k } = options;
  return {
    name: 'soft-triple',
    options: { ...options },
    parameters: (shape) => [proxies(shape, k, options)],
    build(input) {
      const { ops, embeddings, parameters, batch, classes, dimension } = input;
      const centres = ops.unitRows(parameters.proxies!);
      const s = ops.reshape(cosines(ops, embeddings, centres), [batch, classes, k]);
      const weight = ops.node('Softmax', [ops.mul(1 / gamma, s)], { axis: attr.int(-1) });
      const similarity = ops.sum(ops.mul(weight, s), [2]);
      const marked = oneHot(input);
      const logits = ops.mul(lambda, ops.sub(similarity, ops.mul(delta, marked)));
      const loss = crossEntropy(ops, logits, marked);
      if (tau === 0 || k === 1) return { loss };
      const spread = spreadOf(ops, ops.reshape(centres, [classes, k, dimension]), classes, k);
      return { loss: ops.add(loss, ops.mul(tau, spread)) };
    },
  };
}

/** Σ_c Σ_{t>s} √(2 + 1e-5 - 2 w_cs · w_ct) / (C K (K-1)). */
function spreadOf(ops: Ops, centres: string, classes: number, k: number): string {
  const gram = ops.matmul(centres, ops.transpose(centres, [0, 2, 1]));
  const upper = Float64Array.from({ length: k * k }, (_, i) => Number(i % k > Math.floor(i / k)));
  const data = ops.type === 'float64' ? upper : Float32Array.from(upper);
  const pairs = ops.builder.constant({ type: ops.type, dims: [1, k, k], data });
  const distance = ops.sqrt(ops.max(ops.sub(2 + 1e-5, ops.mul(2, gram)), 1e-6));
  return ops.div(ops.sum(ops.mul(pairs, distance)), classes * k * (k - 1));
}
