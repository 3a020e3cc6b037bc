// CPML, the PFML paper's control (Sec. 3.4): the same charges and pairs as PFML, but the force does not decay with distance. Its
// formula is not printed in what is public; this is the contrastive potential that its description names.

import { cosines, PAPER_PROXIES, type ProxyOptions, proxies, resolve } from './common.ts';
import type { Loss } from './loss.ts';

export interface CpmlOptions extends ProxyOptions {
  /** Different classes repel inside this distance. */
  readonly delta: number;
  readonly repulsionWeight: number;
  /** 0 or more learned charges per class. */
  readonly proxiesPerClass: number;
}

/**
 * Mean of d² over the pairs of one class, plus repulsionWeight times the mean of max(0, delta - d)² over those pairs of
 * two classes that are inside delta. Pairs are of samples with samples and proxies, and of proxies with each other.
 */
export function cpml(changes: Partial<CpmlOptions> = {}): Loss {
  const defaults = { delta: 1, repulsionWeight: 1, proxiesPerClass: 15, ...PAPER_PROXIES };
  const options = resolve('cpml', defaults, changes, {
    delta: [1e-3, 2],
    proxiesPerClass: [0, 1000, 'whole'],
  });
  const { delta, repulsionWeight, proxiesPerClass: m } = options;
  return {
    name: 'cpml',
    options: { ...options },
    parameters: (shape) => (m === 0 ? [] : [proxies(shape, m, options)]),
    build({ ops, embeddings, labels, batch, classes, parameters }) {
      const points = batch + classes * m;
      const data = Int32Array.from({ length: classes * m }, (_, i) => Math.floor(i / m));
      const all = m === 0 ? embeddings : ops.concat([embeddings, ops.unitRows(parameters.proxies!)], 0);
      const classOf =
        m === 0
          ? labels
          : ops.concat([labels, ops.builder.constant({ type: 'int32', dims: [classes * m], data })], 0);
      const same = ops.mask(ops.equal(ops.reshape(classOf, [points, 1]), ops.reshape(classOf, [1, points])));
      const squared = ops.sub(2, ops.mul(2, cosines(ops, all, all)));
      // A point with itself adds nothing to the sum, and is not counted.
      const pairs = ops.max(ops.sub(ops.sum(same), points), 1);
      const attraction = ops.div(ops.sum(ops.mul(same, squared)), pairs);
      const inside = ops.mul(ops.sub(1, same), ops.max(ops.sub(delta, ops.sqrt(ops.max(squared, 1e-6))), 0));
      const count = ops.max(ops.sum(ops.mask(ops.greater(inside, 0))), 1);
      const repulsion = ops.div(ops.sum(ops.mul(inside, inside)), count);
      return { loss: ops.add(attraction, ops.mul(repulsionWeight, repulsion)) };
    },
  };
}
