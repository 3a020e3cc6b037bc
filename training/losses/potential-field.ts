// PFML, "Potential Field Based Deep Metric Learning" (Bhatnagar & Ahuja, CVPR 2025), Eq. 1 to 6: every sample and
// proxy is a charge that attracts its own class and repels the others. The pairs are in potential-field-dense.ts and -sparse.ts.

import { invalid, refuseUnknown } from '../../src/errors/error.ts';
import type { Rng } from '../../src/math/rng.ts';
import type { Loss, LossInput, LossOutput, LossShape, PartialLoss } from './loss.ts';
import { allClasses, fieldOfAll } from './potential-field-dense.ts';
import { openFullLists, openLazyLists } from './potential-field-lists.ts';
import { memoryBuffers, remember } from './potential-field-memory.ts';
import {
  checked,
  DENSE_NUMBERS,
  DENSE_PAIRS,
  PAPER,
  POTENTIAL_FIELD_PRESETS,
  type PotentialFieldOptions,
  type PotentialFieldPreset,
} from './potential-field-options.ts';
import { ALPHA } from './potential-field-pair.ts';
import { lazyLoss, listedLoss } from './potential-field-sparse.ts';

export { POTENTIAL_FIELD_PRESETS, type PotentialFieldOptions, type PotentialFieldPreset };

/**
 * The potential field loss. Start from a preset, `frozen-features` unless told otherwise, and change what is named.
 * The constants of Eq. 1 and 2 are left out (`restEnergy` has them): same gradients, and 0 exactly when every pair of
 * a class is within deltaAttraction and all others are beyond deltaRepulsion. Throws `invalid_argument` and
 * `unknown_option`.
 */
export function potentialField(
  options: Partial<PotentialFieldOptions> & { readonly preset?: PotentialFieldPreset } = {},
): Loss {
  const { preset = 'frozen-features', ...changes } = options;
  if (!Object.hasOwn(POTENTIAL_FIELD_PRESETS, preset)) {
    throw invalid('preset', `one of ${Object.keys(POTENTIAL_FIELD_PRESETS).join(', ')}`, preset);
  }
  refuseUnknown(changes, Object.keys(PAPER), 'potentialField');
  const resolved = checked({ ...POTENTIAL_FIELD_PRESETS[preset], ...changes });
  const { proxiesPerClass, proxyInit, proxyLearningRateMultiplier: learningRateMultiplier } = resolved;
  const loss: Loss = {
    name: 'potential-field',
    options: { preset, ...resolved },
    parameters({ classes, dimension }) {
      if (proxiesPerClass === 0) return [];
      const dims = [classes * proxiesPerClass, dimension];
      return [
        {
          name: 'proxies',
          dims,
          learningRateMultiplier,
          initial: ({ rng, classMeans }) =>
            proxyInit === 'random'
              ? filled(dims[0]! * dimension, () => rng.normal() / Math.sqrt(dimension))
              : aroundMeans(classMeans(), proxiesPerClass, dimension, rng),
        },
      ];
    },
    buffers: ({ dimension, batch }) => memoryBuffers(resolved, dimension, batch),
    ...(resolved.alphaStart < 1 && {
      scheduled: {
        [ALPHA]: (progress: number) => resolved.alphaStart + (1 - resolved.alphaStart) * progress,
      },
    }),
    build: (input): LossOutput => buildDense(input, resolved),
    partial: (shape) => partial(loss, resolved, shape),
  };
  return loss;
}

function buildDense(input: LossInput, o: PotentialFieldOptions): LossOutput {
  const m = o.proxiesPerClass;
  const next = o.memory > 0 ? remember(input, o) : undefined;
  if (m === 0) return { loss: fieldOfAll(input, o), next };
  const moving = o.lazyProxies ? inBatch(input, m) : undefined;
  const charges = { rows: input.parameters.proxies!, count: input.classes * m };
  return {
    loss: fieldOfAll(input, o, { ...charges, classOf: allClasses(input, m), moving }),
    next,
    touched: moving === undefined ? undefined : { proxies: moving },
  };
}

function partial(
  loss: Loss,
  o: PotentialFieldOptions,
  shape: LossShape & { readonly batch: number },
): PartialLoss | undefined {
  const proxies = shape.classes * o.proxiesPerClass;
  if (proxies === 0 || o.form === 'dense') return undefined;
  const points = shape.batch + proxies;
  const pairs = (o.reduction === 'log' ? shape.batch : points) * (points + o.memory);
  const large = pairs > DENSE_PAIRS || (o.lazyProxies && proxies * shape.dimension > DENSE_NUMBERS);
  if (o.form === 'auto' && !large) return undefined;
  if (o.lazyProxies) {
    const sized: PartialLoss['sized'] = (sizes) => lazyLoss(loss, o, shape.dimension, sizes);
    return { sized, open: openLazyLists(o, shape) };
  }
  return { sized: (sizes) => listedLoss(loss, o, sizes), open: openFullLists(o, shape) };
}

/**
 * What the loss leaves out of Eq. 6 (reduction `sum`): the energy of the perfect state. Eq. 6 as printed, without
 * the self terms, is the loss plus this.
 */
export function restEnergy(options: {
  readonly labels: ArrayLike<number>;
  readonly classes: number;
  readonly loss: PotentialFieldOptions;
}): number {
  const { labels, classes, loss } = options;
  const m = loss.proxiesPerClass;
  const samplesOf = new Float64Array(classes);
  for (let i = 0; i < labels.length; i++) samplesOf[labels[i]!]!++;
  const points = labels.length + classes * m;
  let own = 0;
  for (const samples of samplesOf) own += (samples + m) * (samples + m - 1);
  const others = points * (points - 1) - own;
  if (!loss.siblingAttraction) own -= classes * m * (m - 1);
  return (
    loss.repulsionWeight * others * loss.deltaRepulsion ** -loss.alphaRepulsion -
    own * loss.deltaAttraction ** -loss.alphaAttraction
  );
}

/** [classes * m, 1]: 1 for the proxies of the classes in the batch. */
function inBatch({ ops, labels, batch, classes }: LossInput, m: number): string {
  const data = Int32Array.from({ length: classes * m }, (_, i) => Math.floor(i / m));
  const classOf = ops.builder.constant({ type: 'int32', dims: [classes * m, 1], data });
  const hits = ops.sum(ops.mask(ops.equal(classOf, ops.reshape(labels, [1, batch]))), [1], true);
  return ops.mask(ops.greater(hits, 0));
}

/** `count` proxies per class at a distance of about 0.1 from its mean. */
function aroundMeans(means: Float32Array, count: number, dimension: number, rng: Rng): Float32Array {
  const scale = 0.1 / Math.sqrt(dimension);
  return filled(means.length * count, (i) => {
    const label = Math.floor(i / dimension / count);
    return means[label * dimension + (i % dimension)]! + scale * rng.normal();
  });
}

/** What Float32Array.from does, ten times as fast: proxies are up to 10^8 numbers. */
function filled(length: number, at: (i: number) => number): Float32Array {
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) values[i] = at(i);
  return values;
}
