// PFML, "Potential Field Based Deep Metric Learning" (Bhatnagar & Ahuja, CVPR 2025), Eq. 1 to 6 in dense form: every
// sample and proxy is a charge that attracts its own class and repels the others. Not the sparse form for many classes.

import { invalid, refuseUnknown } from '../../src/errors/error.ts';
import type { Rng } from '../../src/math/rng.ts';
import type { Ops } from '../graph/ops.ts';
import type { Loss, LossInput, LossOutput } from './loss.ts';

export interface PotentialFieldOptions {
  /** Power of the decay: the force of a charge at distance d is alpha / d^(alpha+1). */
  readonly alphaAttraction: number;
  readonly alphaRepulsion: number;
  /** Attraction is flat (no force) inside deltaAttraction, repulsion flat outside deltaRepulsion. */
  readonly deltaAttraction: number;
  readonly deltaRepulsion: number;
  /** Weight of the repulsion; the paper has none, that is 1. */
  readonly repulsionWeight: number;
  /** Learned charges per class, 0 or more. */
  readonly proxiesPerClass: number;
  /** Proxies are scaled to unit length before distances are taken. The paper does not say. */
  readonly normalizeProxies: boolean;
  /** Proxies of one class attract each other, as Eq. 6 has it; without it they can spread over the modes of the class. */
  readonly siblingAttraction: boolean;
  /** Where proxies start: normal noise, or the mean of their class with a little of it. The paper does not say. */
  readonly proxyInit: 'random' | 'class-mean';
  /** Learning rate of the proxies relative to the head's. */
  readonly proxyLearningRateMultiplier: number;
  /**
   * `sum`: Eq. 6. `mean`: Eq. 6 divided by its number of pairs (equal steps under AdamW, not under Adam with coupled
   * decay). `log`: not the paper's; mean over the samples of log(1+A) + repulsionWeight log(1+R), with A and R the
   * fields at that sample in units of the potential at deltaRepulsion. Proxies are then sources only.
   */
  readonly reduction: 'sum' | 'mean' | 'log';
  /** Repulsion stops growing, and pushing, below this distance: float32 dot products cannot resolve smaller ones. */
  readonly distanceFloor: number;
}

/** As printed (alpha 3, delta 0.2, 15 proxies, plain sum over all pairs), for training a whole network, at a rate of 1e-4. */
const PAPER: PotentialFieldOptions = {
  alphaAttraction: 3,
  alphaRepulsion: 3,
  deltaAttraction: 0.2,
  deltaRepulsion: 0.2,
  repulsionWeight: 1,
  proxiesPerClass: 15,
  normalizeProxies: true,
  siblingAttraction: true,
  proxyInit: 'random',
  proxyLearningRateMultiplier: 100,
  reduction: 'sum',
  distanceFloor: 0.01,
};

/** A variant of ours for linear heads on frozen features, where the printed radii never let repulsion act. */
const FROZEN_FEATURES: PotentialFieldOptions = {
  ...PAPER,
  alphaAttraction: 1,
  alphaRepulsion: 4,
  deltaAttraction: 0.7,
  deltaRepulsion: 1.2,
  repulsionWeight: 0.3,
  proxiesPerClass: 1,
  siblingAttraction: false,
  proxyInit: 'class-mean',
  proxyLearningRateMultiplier: 3,
  reduction: 'log',
};

export const POTENTIAL_FIELD_PRESETS = { paper: PAPER, 'frozen-features': FROZEN_FEATURES } as const;

export type PotentialFieldPreset = keyof typeof POTENTIAL_FIELD_PRESETS;

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
  return {
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
              ? Float32Array.from({ length: dims[0]! * dimension }, () => rng.normal() / Math.sqrt(dimension))
              : aroundMeans(classMeans(), proxiesPerClass, dimension, rng),
        },
      ];
    },
    build: (input): LossOutput => ({ loss: build(input, resolved) }),
  };
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

/** Anchors feel the field, charges make it: all of them under Eq. 6, the samples alone under `log`. */
function build(input: LossInput, o: PotentialFieldOptions): string {
  const { ops, embeddings, labels, batch, classes } = input;
  const m = o.proxiesPerClass;
  const proxies = m === 0 ? undefined : input.parameters.proxies!;
  const points = batch + classes * m;
  const anchors = o.reduction === 'log' ? batch : points;

  const squared =
    o.reduction === 'log' && proxies && o.normalizeProxies
      ? squaredFromSamples(ops, embeddings, proxies)
      : squaredAmongAll(ops, embeddings, proxies, o);

  const proxyLabels = Int32Array.from({ length: classes * m }, (_, i) => Math.floor(i / m));
  const classOf = proxies
    ? ops.concat([labels, ops.builder.constant({ type: 'int32', dims: [classes * m], data: proxyLabels })], 0)
    : labels;
  const anchorClass = o.reduction === 'log' ? labels : classOf;
  const same = ops.mask(ops.equal(ops.reshape(anchorClass, [anchors, 1]), ops.reshape(classOf, [1, points])));
  const dropSiblings = proxies && !o.siblingAttraction && o.reduction !== 'log';
  const attracting = dropSiblings ? ops.mul(same, notBothProxies(ops, batch, points)) : same;

  // (d/delta)^-alpha as exp(-alpha/2 (ln d² - ln delta²)): Pow would be three times slower on CPU, and the flat side is
  // exp(0) = 1 to the bit. So the diagonal needs no mask: within delta of itself, attraction is 0 and so is its force.
  const logSquared = ops.log(ops.max(squared, o.distanceFloor ** 2));
  const beyond = (delta: number) => ops.sub(logSquared, 2 * Math.log(delta));
  const decay = (alpha: number, excess: string) => ops.exp(ops.mul(-alpha / 2, excess));
  const attraction = ops.sub(1, decay(o.alphaAttraction, ops.max(beyond(o.deltaAttraction), 0)));
  const repulsion = ops.sub(decay(o.alphaRepulsion, ops.min(beyond(o.deltaRepulsion), 0)), 1);
  const A = ops.sum(ops.mul(attracting, attraction), [1]);
  const R = ops.sum(ops.mul(ops.sub(1, same), repulsion), [1]);

  if (o.reduction === 'log') {
    const unit = (o.deltaRepulsion / o.deltaAttraction) ** o.alphaAttraction;
    const fields = [ops.log(ops.add(1, ops.mul(unit, A))), ops.log(ops.add(1, R))] as const;
    return ops.mean(ops.add(fields[0], ops.mul(o.repulsionWeight, fields[1])));
  }
  const energy = ops.sum(
    ops.add(
      ops.mul(o.deltaAttraction ** -o.alphaAttraction, A),
      ops.mul(o.repulsionWeight * o.deltaRepulsion ** -o.alphaRepulsion, R),
    ),
  );
  return o.reduction === 'sum' ? energy : ops.div(energy, points * (points - 1));
}

/**
 * From every sample to every sample and proxy. Proxies get their unit length in the cosines, not where they are: their own tensor
 * is the larger one, and passes over it are a tenth of a training step.
 */
function squaredFromSamples(ops: Ops, embeddings: string, proxies: string): string {
  const toSamples = ops.gemm(embeddings, embeddings, { transB: true });
  const toProxies = ops.gemm(embeddings, proxies, { transB: true });
  const cosines = ops.mul(toProxies, ops.transpose(ops.inverseLengths(proxies), [1, 0]));
  return ops.sub(2, ops.mul(2, ops.concat([toSamples, cosines], 1)));
}

function squaredAmongAll(
  ops: Ops,
  embeddings: string,
  proxies: string | undefined,
  o: PotentialFieldOptions,
) {
  const placed = proxies && o.normalizeProxies ? ops.unitRows(proxies) : proxies;
  const charges = placed ? ops.concat([embeddings, placed], 0) : embeddings;
  return squaredDistances(ops, o.reduction === 'log' ? embeddings : charges, charges, o);
}

/** ‖a‖² + ‖b‖² - 2 a·b, where the norms are 1 unless proxies keep their length. */
function squaredDistances(ops: Ops, a: string, b: string, o: PotentialFieldOptions): string {
  const norms = (x: string) => ops.sum(ops.mul(x, x), [1], true);
  if (o.normalizeProxies || o.proxiesPerClass === 0) {
    return ops.gemm(a, b, { alpha: -2, transB: true, c: ops.constant(2) });
  }
  return ops.add(norms(a), ops.gemm(a, b, { alpha: -2, transB: true, c: ops.transpose(norms(b), [1, 0]) }));
}

function notBothProxies(ops: Ops, batch: number, points: number): string {
  const isSample = Uint8Array.from({ length: points }, (_, i) => Number(i < batch));
  const column = ops.builder.constant({ type: 'bool', dims: [points, 1], data: isSample });
  const row = ops.builder.constant({ type: 'bool', dims: [1, points], data: isSample });
  return ops.mask(ops.builder.node('Or', [column, row]));
}

/** `count` proxies per class at a distance of about 0.1 from its mean. */
function aroundMeans(means: Float32Array, count: number, dimension: number, rng: Rng): Float32Array {
  const scale = 0.1 / Math.sqrt(dimension);
  return Float32Array.from({ length: means.length * count }, (_, i) => {
    const label = Math.floor(i / dimension / count);
    return means[label * dimension + (i % dimension)]! + scale * rng.normal();
  });
}

function checked(o: PotentialFieldOptions): PotentialFieldOptions {
  const need = (field: keyof PotentialFieldOptions, fits: boolean, expected: string) => {
    if (!fits) throw invalid(field, expected, o[field]);
  };
  for (const field of ['alphaAttraction', 'alphaRepulsion', 'proxyLearningRateMultiplier'] as const) {
    need(field, o[field] > 0 && Number.isFinite(o[field]), 'a number above 0');
  }
  need('distanceFloor', o.distanceFloor >= 1e-3 && o.distanceFloor < 2, 'a distance of 0.001 to 2');
  for (const field of ['deltaAttraction', 'deltaRepulsion'] as const) {
    need(field, o[field] > o.distanceFloor && o[field] <= 2, 'a distance above distanceFloor and up to 2');
  }
  need(
    'repulsionWeight',
    o.repulsionWeight >= 0 && Number.isFinite(o.repulsionWeight),
    'a number of 0 or more',
  );
  need(
    'proxiesPerClass',
    Number.isInteger(o.proxiesPerClass) && o.proxiesPerClass >= 0,
    'a whole number of 0 or more',
  );
  need('proxyInit', ['random', 'class-mean'].includes(o.proxyInit), 'random or class-mean');
  need('reduction', ['sum', 'mean', 'log'].includes(o.reduction), 'sum, mean or log');
  const siblingsFit = !(o.siblingAttraction && o.reduction === 'log');
  need('siblingAttraction', siblingsFit, 'false with reduction log, where proxies feel no field');
  return o;
}
