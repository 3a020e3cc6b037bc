// The smallest network: a linear map without bias on cached features, rows to unit length.

import type { Network } from './network.ts';

export interface HeadNetworkOptions {
  readonly dimensionIn: number;
  readonly dimension: number;
  /** [dimensionIn, dimension], row-major. */
  readonly initial: Float32Array;
}

/** Batch input: `features` float32 [batch, dimensionIn]. Parameter: `head` [dimensionIn, dimension]. */
export function headNetwork({ dimensionIn, dimension, initial }: HeadNetworkOptions): Network {
  return {
    name: 'head',
    dimension,
    inputs: (batch) => [{ name: 'features', type: 'float32', dims: [batch, dimensionIn] }],
    parameters: [
      { name: 'head', dims: [dimensionIn, dimension], initial, learningRateMultiplier: 1, isNew: true },
    ],
    build: (ops) => ({ embeddings: ops.unitRows(ops.matmul('features', 'head')) }),
  };
}
