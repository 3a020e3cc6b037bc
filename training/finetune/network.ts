// The last part of a backbone with a linear head on top, as a network: cached activations in, embeddings out. The head keeps
// the form of an exported one (L2, subtract the mean, MatMul, L2), so that training starts at exactly its scores.

import { attr } from '../../src/onnx/build.ts';
import type { LinearMap } from '../baselines/linear-map.ts';
import type { Network, Parameter } from '../graph/network.ts';
import { fromFront } from './probe.ts';
import type { Prefix, Suffix } from './suffix.ts';

export const ACTIVATIONS = 'activations';
const HEAD = 'head';
/** In front of the names of the backbone's values, so that none is taken for a loss's or an optimiser's. */
const BACKBONE = 'backbone/';

export interface SuffixNetworkOptions {
  readonly prefix: Pick<Prefix, 'axis' | 'dims' | 'precision'>;
  readonly suffix: Suffix;
  /** Where the head starts. Its mean stays; its size says nothing about embeddings and is brought to orthonormal columns'. */
  readonly head: LinearMap;
  /** Of the head's matrix, relative to the backbone's weights. */
  readonly headRate: number;
}

/**
 * Batch input: `activations` [batch, ...prefix.dims] in the prefix's precision. Parameters: `backbone/<name>` for every weight
 * of the suffix, in its dims, biases and scales of rank 1 without weight decay; and `head` [features, dimension].
 */
export function suffixNetwork(options: SuffixNetworkOptions): Network {
  const { prefix, suffix, head, headRate } = options;
  const weights = suffix.weights.map(({ name, dims, data }): Parameter => {
    const decayed = dims.length > 1 ? {} : { weightDecayMultiplier: 0 };
    return { name: BACKBONE + name, dims, initial: data, learningRateMultiplier: 1, ...decayed };
  });
  return {
    name: `finetune-${suffix.cut}`,
    dimension: head.outputs,
    inputs: (batch) => [{ name: ACTIVATIONS, type: prefix.precision, dims: [batch, ...prefix.dims] }],
    parameters: [
      ...weights,
      {
        name: HEAD,
        dims: [head.inputs, head.outputs],
        initial: scaled(head),
        learningRateMultiplier: headRate,
      },
    ],
    build(ops, batch) {
      const { builder } = ops;
      const names = new Map(suffix.weights.map(({ name }) => [name, BACKBONE + name]));
      names.set('', '');
      // Trained in float32, whatever the cache holds.
      const float = attr.int(1);
      const whole =
        prefix.precision === 'float32' ? ACTIVATIONS : builder.node('Cast', [ACTIVATIONS], { to: float });
      names.set(suffix.cut, prefix.axis === 0 ? whole : ops.transpose(whole, fromFront(prefix)));
      for (const [name, tensor] of suffix.constants(batch)) {
        names.set(name, builder.initializer(BACKBONE + name, tensor));
      }
      for (const { op, name, inputs, outputs, attributes } of suffix.nodes) {
        const renamed = outputs.map((output) => output && BACKBONE + output);
        const read = inputs.map((input) => names.get(input)!);
        builder.node(op, read, attributes, { name: BACKBONE + name, outputs: renamed });
        outputs.forEach((output, i) => {
          names.set(output, renamed[i]!);
        });
      }
      const mean = builder.constant({ type: 'float32', dims: [head.inputs], data: head.mean });
      const centred = ops.sub(ops.unitRows(names.get(suffix.output)!), mean);
      return { embeddings: ops.unitRows(ops.matmul(centred, HEAD)) };
    },
  };
}

/** Steps of AdamW are of one size, so heads start at one size. */
function scaled({ outputs, projection }: LinearMap): Float32Array {
  let square = 0;
  for (const x of projection) square += x * x;
  const scale = Math.sqrt(outputs / square) || 1;
  return projection.map((x) => x * scale);
}

export interface Tuned {
  /** Trained weights by their names in the backbone's graph. */
  readonly weights: ReadonlyMap<string, Float32Array>;
  readonly head: LinearMap;
}

/** The values of a suffixNetwork, sorted into backbone and head. `head` is what it started from. */
export function tunedOf(values: ReadonlyMap<string, Float32Array>, head: LinearMap): Tuned {
  const weights = new Map<string, Float32Array>();
  for (const [name, data] of values) {
    if (name.startsWith(BACKBONE)) weights.set(name.slice(BACKBONE.length), data);
  }
  return { weights, head: { ...head, projection: values.get(HEAD)! } };
}
