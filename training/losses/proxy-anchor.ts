// Proxy Anchor (Kim et al., CVPR 2020): every proxy is an anchor that pulls its class and pushes all the others.

import { cosines, oneHot, PAPER_PROXIES, type ProxyOptions, present, proxies, resolve } from './common.ts';
import type { Loss } from './loss.ts';

export interface ProxyAnchorOptions extends ProxyOptions {
  readonly alpha: number;
  readonly delta: number;
}

/**
 * 1/|P+| Σ_p log(1 + Σ_x of p exp(-alpha (s - delta))) + 1/|P| Σ_p log(1 + Σ_x not of p exp(alpha (s + delta))), P+ being the
 * proxies whose class is in the batch. Paper: alpha 32, delta 0.1.
 */
export function proxyAnchor(changes: Partial<ProxyAnchorOptions> = {}): Loss {
  const options = resolve('proxyAnchor', { alpha: 32, delta: 0.1, ...PAPER_PROXIES }, changes, {
    alpha: [1e-3, 40],
    delta: [0, 1],
  });
  const { alpha, delta } = options;
  return {
    name: 'proxy-anchor',
    options: { ...options },
    parameters: (shape) => [proxies(shape, 1, options)],
    build(input) {
      const { ops, embeddings, parameters } = input;
      const s = cosines(ops, embeddings, ops.unitRows(parameters.proxies!));
      const own = oneHot(input);
      const pull = ops.sum(ops.mul(own, ops.exp(ops.mul(-alpha, ops.sub(s, delta)))), [0]);
      const push = ops.sum(ops.mul(ops.sub(1, own), ops.exp(ops.mul(alpha, ops.add(s, delta)))), [0]);
      const inBatch = ops.sum(present(ops, ops.sum(own, [0])));
      // A proxy whose class is not in the batch pulls nothing: log(1 + 0).
      const pulled = ops.div(ops.sum(ops.log(ops.add(1, pull))), inBatch);
      return { loss: ops.add(pulled, ops.mean(ops.log(ops.add(1, push)))) };
    },
  };
}
