// Multi-Similarity (Wang et al., CVPR 2019) with its miner: pairs weighted by how hard they are, among themselves and against
// the others.

import { invalid } from '../../src/errors/error.ts';
import { cosines, maxWhere, present, resolve, samplePairs } from './common.ts';
import type { Loss } from './loss.ts';

export interface MultiSimilarityOptions {
  readonly alpha: number;
  readonly beta: number;
  readonly lambda: number;
  /** Width of the miner's band: a negative stays if it is nearer than the farthest positive, or within this of it; and so on. */
  readonly epsilon: number;
}

/** Positives closer than this are copies, as the official code has it. */
const COPY = 1 - 1e-5;

/** The largest exponent allowed: float32 ends at e^88, and a batch is summed. */
const STEEPEST = 80;

/**
 * 1/B Σ_i [ 1/alpha log(1 + Σ_pos e^(-alpha (s - lambda))) + 1/beta log(1 + Σ_neg e^(beta (s - lambda))) ] over mined pairs.
 * An anchor without a pair on either side counts 0. Paper: 2, 50, 0.5 (official code beta 40), epsilon 0.1.
 * Throws `invalid_argument`, also where alpha (1 + lambda) or beta (1 - lambda) is above 80, and `unknown_option`.
 */
export function multiSimilarity(changes: Partial<MultiSimilarityOptions> = {}): Loss {
  const defaults = { alpha: 2, beta: 50, lambda: 0.5, epsilon: 0.1 };
  const options = resolve('multiSimilarity', defaults, changes, {
    alpha: [1e-3, 50],
    beta: [1e-3, 80],
    lambda: [-1, 1],
    epsilon: [0, 2],
  });
  const { alpha, beta, lambda, epsilon } = options;
  for (const [field, value, reach] of [
    ['alpha', alpha, 1 + lambda],
    ['beta', beta, 1 - lambda],
  ] as const) {
    if (value * reach > STEEPEST) {
      throw invalid(field, `at most ${STEEPEST / reach} with lambda ${lambda}`, value);
    }
  }
  return {
    name: 'multi-similarity',
    options: { ...options },
    parameters: () => [],
    build(input) {
      const { ops, embeddings } = input;
      const s = cosines(ops, embeddings, embeddings);
      const pairs = samplePairs(input);
      const positive = ops.mul(pairs.same, ops.mask(ops.less(s, COPY)));
      const farthest = ops.neg(maxWhere(ops, positive, ops.neg(s), 1));
      const nearest = maxWhere(ops, pairs.different, s, 1);
      const negatives = ops.mul(pairs.different, ops.mask(ops.greater(ops.add(s, epsilon), farthest)));
      const positives = ops.mul(positive, ops.mask(ops.less(ops.sub(s, epsilon), nearest)));

      const side = (kept: string, weight: number) => {
        const total = ops.sum(ops.mul(kept, ops.exp(ops.mul(weight, ops.sub(s, lambda)))), [1]);
        return ops.mul(1 / Math.abs(weight), ops.log(ops.add(1, total)));
      };
      const both = [positives, negatives].map((kept) => present(ops, ops.sum(kept, [1])));
      const each = ops.add(side(positives, -alpha), side(negatives, beta));
      return { loss: ops.mean(ops.mul(ops.mul(both[0]!, both[1]!), each)) };
    },
  };
}
