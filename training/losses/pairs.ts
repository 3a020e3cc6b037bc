// The classic losses over pairs and triplets of the batch: contrastive (Hadsell et al. 2006, in cosines), triplet with semi-hard
// negatives (FaceNet, Schroff et al. 2015) and SupCon (Khosla et al. 2020).

import { attr } from '../../src/onnx/build.ts';
import { cosines, maxWhere, present, resolve, samplePairs } from './common.ts';
import type { Loss } from './loss.ts';

export interface ContrastiveOptions {
  /** Cosine above which a pair of one class costs nothing, and below which one of two classes does. */
  readonly positiveMargin: number;
  readonly negativeMargin: number;
}

/** Mean of (positiveMargin - s)+ over the pairs of one class that cost, plus the same of (s - negativeMargin)+ over the others. */
export function contrastive(changes: Partial<ContrastiveOptions> = {}): Loss {
  const options = resolve('contrastive', { positiveMargin: 1, negativeMargin: 0.5 }, changes, {
    positiveMargin: [-1, 1],
    negativeMargin: [-1, 1],
  });
  const { positiveMargin, negativeMargin } = options;
  return {
    name: 'contrastive',
    options: { ...options },
    parameters: () => [],
    build(input) {
      const { ops, embeddings } = input;
      const s = cosines(ops, embeddings, embeddings);
      const { same, different } = samplePairs(input);
      const meanCost = (pairs: string, cost: string) => {
        const costs = ops.mul(pairs, ops.max(cost, 0));
        return ops.div(ops.sum(costs), ops.max(ops.sum(present(ops, costs)), 1));
      };
      const pull = meanCost(same, ops.sub(positiveMargin, s));
      return { loss: ops.add(pull, meanCost(different, ops.sub(s, negativeMargin))) };
    },
  };
}

export interface TripletOptions {
  /** In squared distance. */
  readonly margin: number;
}

/**
 * For every pair (a, p) of one class the negative n that is nearest to a among those farther than p; where none is
 * farther, the farthest one. Mean of (d²(a,p) - d²(a,n) + margin)+ over the pairs. Memory is batch³.
 */
export function triplet(changes: Partial<TripletOptions> = {}): Loss {
  const options = resolve('triplet', { margin: 0.2 }, changes, { margin: [0, 4] });
  return {
    name: 'triplet',
    options: { ...options },
    parameters: () => [],
    build(input) {
      const { ops, embeddings, batch } = input;
      const squared = ops.gemm(embeddings, embeddings, { alpha: -2, transB: true, c: ops.constant(2) });
      const { same, different } = samplePairs(input);
      const toPositive = ops.reshape(squared, [batch, batch, 1]);
      const toNegative = ops.reshape(squared, [batch, 1, batch]);
      const negative = ops.reshape(different, [batch, 1, batch]);
      const farther = ops.mul(negative, ops.mask(ops.greater(toNegative, toPositive)));
      const full = ops.expand(toNegative, [batch, batch, batch]);
      const semiHard = ops.neg(maxWhere(ops, farther, ops.neg(full), 2));
      const farthest = ops.expand(maxWhere(ops, negative, toNegative, 2), [batch, batch, 1]);
      const some = ops.greater(ops.sum(farther, [2], true), 0);
      const chosen = ops.where(some, semiHard, farthest);
      const cost = ops.max(ops.add(ops.sub(toPositive, chosen), options.margin), 0);
      // Pairs whose anchor has no negative in the batch make no triplet.
      const anchored = present(ops, ops.sum(different, [1], true));
      const pairs = ops.mul(same, anchored);
      const total = ops.sum(ops.mul(pairs, ops.reshape(cost, [batch, batch])));
      return { loss: ops.div(total, ops.max(ops.sum(pairs), 1)) };
    },
  };
}

export interface SupConOptions {
  readonly temperature: number;
}

/** Mean over anchors of -1/|P| Σ_p log softmax_{a ≠ i}(s / temperature)_p; an anchor without a positive counts 0. Paper: 0.07 to 0.1. */
export function supCon(changes: Partial<SupConOptions> = {}): Loss {
  const options = resolve('supCon', { temperature: 0.1 }, changes, { temperature: [1e-3, 1e3] });
  return {
    name: 'sup-con',
    options: { ...options },
    parameters: () => [],
    build(input) {
      const { ops, embeddings } = input;
      const { same, different } = samplePairs(input);
      const others = ops.greater(ops.add(same, different), 0);
      const logits = ops.mul(1 / options.temperature, cosines(ops, embeddings, embeddings));
      const log = ops.node('LogSoftmax', [ops.where(others, logits, -1e4)], { axis: attr.int(-1) });
      const positives = ops.max(ops.sum(same, [1]), 1);
      return { loss: ops.neg(ops.mean(ops.div(ops.sum(ops.mul(same, log), [1]), positives))) };
    },
  };
}
