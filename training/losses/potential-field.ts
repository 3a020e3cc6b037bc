// PFML, "Potential Field Based Deep Metric Learning" (Bhatnagar & Ahuja, CVPR 2025), Eq. 1 to 6 in dense form: every
// sample and proxy is a charge that attracts its own class and repels the others. Not the sparse form for many classes.

import { invalid, refuseUnknown } from '../../src/errors/error.ts';
import type { Rng } from '../../src/math/rng.ts';
import { attr } from '../../src/onnx/build.ts';
import type { Operand, Ops } from '../graph/ops.ts';
import type { Loss, LossBuffer, LossInput, LossOutput } from './loss.ts';
import {
  checked,
  PAPER,
  POTENTIAL_FIELD_PRESETS,
  type PotentialFieldOptions,
  type PotentialFieldPreset,
} from './potential-field-options.ts';

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
    buffers: ({ dimension, batch }) => memoryBuffers(resolved, dimension, batch),
    ...(resolved.alphaStart < 1 && {
      scheduled: {
        [ALPHA]: (progress: number) => resolved.alphaStart + (1 - resolved.alphaStart) * progress,
      },
    }),
    build: (input): LossOutput => ({
      loss: build(input, resolved),
      next: resolved.memory > 0 ? remember(input, resolved.memory) : undefined,
      touched:
        resolved.lazyProxies && proxiesPerClass > 0
          ? { proxies: inBatch(input, proxiesPerClass) }
          : undefined,
    }),
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

/** Names of the scheduled factor of the alphas and of the buffers: earlier embeddings and their classes, -1 for none yet. */
const ALPHA = 'alpha_scale';
const MEMORY = { rows: 'memory', labels: 'memory_labels' };

function memoryBuffers({ memory }: PotentialFieldOptions, dimension: number, batch: number): LossBuffer[] {
  if (memory === 0) return [];
  if (memory < batch) throw invalid('memory', `0, or ${batch} (a batch) and more`, memory);
  return [
    { name: MEMORY.rows, dims: [memory, dimension], initial: () => new Float32Array(memory * dimension) },
    { name: MEMORY.labels, dims: [memory], initial: () => new Float32Array(memory).fill(-1) },
  ];
}

/** The oldest batch goes, this one comes. */
function remember({ ops, embeddings, labels, batch, buffers }: LossInput, memory: number) {
  const float = ops.builder.node('Cast', [labels], { to: attr.int(ops.type === 'float64' ? 11 : 1) });
  const pushed = (old: string, fresh: string) => ops.concat([ops.slice(old, 0, batch, memory), fresh], 0);
  return {
    [MEMORY.rows]: pushed(buffers[MEMORY.rows]!, embeddings),
    [MEMORY.labels]: pushed(buffers[MEMORY.labels]!, float),
  };
}

/** [classes * m, 1]: 1 for the proxies of the classes in the batch. */
function inBatch({ ops, labels, batch, classes }: LossInput, m: number): string {
  const data = Int32Array.from({ length: classes * m }, (_, i) => Math.floor(i / m));
  const classOf = ops.builder.constant({ type: 'int32', dims: [classes * m, 1], data });
  const hits = ops.sum(ops.mask(ops.equal(classOf, ops.reshape(labels, [1, batch]))), [1], true);
  return ops.mask(ops.greater(hits, 0));
}

/** Anchors feel the field, charges make it: all of them under Eq. 6, the samples alone under `log`. */
function build(input: LossInput, o: PotentialFieldOptions): string {
  const { ops, embeddings, labels, batch, classes } = input;
  const m = o.proxiesPerClass;
  const proxies = m === 0 ? undefined : input.parameters.proxies!;
  const points = batch + classes * m;
  const anchors = o.reduction === 'log' ? batch : points;

  const among =
    o.reduction === 'log' && proxies && o.normalizeProxies
      ? squaredFromSamples(ops, embeddings, proxies)
      : squaredAmongAll(ops, embeddings, proxies, o);
  const squared = o.memory === 0 ? among : ops.concat([among, squaredToMemory(input, proxies, o)], 1);

  const proxyLabels = Int32Array.from({ length: classes * m }, (_, i) => Math.floor(i / m));
  const classOf = proxies
    ? ops.concat([labels, ops.builder.constant({ type: 'int32', dims: [classes * m], data: proxyLabels })], 0)
    : labels;
  const anchorClass = o.reduction === 'log' ? labels : classOf;
  const earlier = input.buffers[MEMORY.labels]!;
  const sources =
    o.memory === 0 ? classOf : ops.concat([classOf, ops.node('Cast', [earlier], { to: attr.int(6) })], 0);
  const columns = points + o.memory;
  const same = ops.mask(
    ops.equal(ops.reshape(anchorClass, [anchors, 1]), ops.reshape(sources, [1, columns])),
  );
  const others = ops.sub(1, same);
  // What is not in the memory yet is of class -1: nobody's own, and it must not repel.
  const repelling =
    o.memory === 0
      ? others
      : ops.mul(
          others,
          ops.mask(
            ops.greater(
              ops.reshape(sources, [1, columns]),
              ops.builder.constant({ type: 'int32', dims: [], data: Int32Array.of(-1) }),
            ),
          ),
        );
  const dropSiblings = proxies && !o.siblingAttraction && o.reduction !== 'log';
  const attracting = dropSiblings ? ops.mul(same, notBothProxies(ops, batch, points, o.memory)) : same;

  // (d/delta)^-alpha as exp(-alpha/2 (ln d² - ln delta²)): Pow would be three times slower on CPU, and the flat side is
  // exp(0) = 1 to the bit. So the diagonal needs no mask: within delta of itself, attraction is 0 and so is its force.
  const logSquared = ops.log(ops.max(squared, o.distanceFloor ** 2));
  const beyond = (delta: number) => ops.sub(logSquared, 2 * Math.log(delta));
  // What alpha is times, scheduled or 1: only then does a constant of it become a value of the graph.
  const scale = input.scheduled[ALPHA];
  const power = (base: number, alpha: number): Operand =>
    scale === undefined ? base ** alpha : ops.exp(ops.mul(alpha * Math.log(base), scale));
  const decay = (alpha: number, excess: string) =>
    ops.exp(ops.mul(scale === undefined ? -alpha / 2 : ops.mul(-alpha / 2, scale), excess));
  const attraction = ops.sub(1, decay(o.alphaAttraction, ops.max(beyond(o.deltaAttraction), 0)));
  const repulsion = ops.sub(decay(o.alphaRepulsion, ops.min(beyond(o.deltaRepulsion), 0)), 1);
  const A = ops.sum(ops.mul(attracting, attraction), [1]);
  const R = ops.sum(ops.mul(repelling, repulsion), [1]);

  if (o.reduction === 'log') {
    const unit = power(o.deltaRepulsion / o.deltaAttraction, o.alphaAttraction);
    const fields = [ops.log(ops.add(1, ops.mul(unit, A))), ops.log(ops.add(1, R))] as const;
    return ops.mean(ops.add(fields[0], ops.mul(o.repulsionWeight, fields[1])));
  }
  const energy = ops.sum(
    ops.add(
      ops.mul(power(o.deltaAttraction, -o.alphaAttraction), A),
      ops.mul(ops.mul(o.repulsionWeight, power(o.deltaRepulsion, -o.alphaRepulsion)), R),
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

/** From every anchor to every earlier embedding. */
function squaredToMemory(
  { ops, embeddings, buffers }: LossInput,
  proxies: string | undefined,
  o: PotentialFieldOptions,
) {
  const memory = buffers[MEMORY.rows]!;
  const placed = proxies && o.normalizeProxies ? ops.unitRows(proxies) : proxies;
  const anchors = o.reduction === 'log' || !placed ? embeddings : ops.concat([embeddings, placed], 0);
  return squaredDistances(ops, anchors, memory, o);
}

/** ‖a‖² + ‖b‖² - 2 a·b, where the norms are 1 unless proxies keep their length. */
function squaredDistances(ops: Ops, a: string, b: string, o: PotentialFieldOptions): string {
  const norms = (x: string) => ops.sum(ops.mul(x, x), [1], true);
  if (o.normalizeProxies || o.proxiesPerClass === 0) {
    return ops.gemm(a, b, { alpha: -2, transB: true, c: ops.constant(2) });
  }
  return ops.add(norms(a), ops.gemm(a, b, { alpha: -2, transB: true, c: ops.transpose(norms(b), [1, 0]) }));
}

/** Earlier embeddings, after the points, are samples. */
function notBothProxies(ops: Ops, batch: number, points: number, memory: number): string {
  const isSample = Uint8Array.from({ length: points + memory }, (_, i) => Number(i < batch || i >= points));
  const column = ops.builder.constant({ type: 'bool', dims: [points, 1], data: isSample.slice(0, points) });
  const row = ops.builder.constant({ type: 'bool', dims: [1, points + memory], data: isSample });
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
