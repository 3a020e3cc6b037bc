// Wrong labels on purpose, to measure what a method makes of them. The right labels stay with the caller; nothing here reads
// images.

import { invalid, refuseUnknown } from '../errors/error.ts';
import { createRng, type Rng } from '../math/rng.ts';

export const NOISE_KINDS = ['symmetric', 'asymmetric', 'small-cluster'] as const;

export type NoiseKind = (typeof NOISE_KINDS)[number];

export interface LabelNoiseOptions {
  readonly labels: readonly string[];
  /**
   * `symmetric`: the label of any other class, each equally likely. `asymmetric`: that of the class that is most like
   * it (`nearest`). `small-cluster`: whole classes get the label of another one, as PRISM's lists of that name do (Liu et
   * al., CVPR 2021): wrong labels then agree with each other.
   */
  readonly kind: NoiseKind;
  /** Part of the labels to make wrong: 0 up to, not with, 1. */
  readonly rate: number;
  readonly seed: number;
  /** For `asymmetric`: the other class that each class is taken for. nearestClasses computes it. */
  readonly nearest?: ReadonlyMap<string, string>;
}

export interface LabelNoise {
  readonly labels: readonly string[];
  /** Rows whose label is another one now, ascending: round(rate x rows) of them. */
  readonly changed: readonly number[];
}

/** Throws `invalid_argument` where there is no other class to take a label from, or `nearest` lacks a class. */
export function addLabelNoise(options: LabelNoiseOptions): LabelNoise {
  refuseUnknown(options, ['labels', 'kind', 'rate', 'seed', 'nearest'], 'addLabelNoise');
  const { labels, kind, rate, seed, nearest } = options;
  if (!NOISE_KINDS.includes(kind)) throw invalid('kind', `one of ${NOISE_KINDS.join(', ')}`, kind);
  if (!(rate >= 0 && rate < 1)) throw invalid('rate', 'a number from 0 up to, not with, 1', rate);
  const classes = [...new Set(labels)];
  const count = Math.round(rate * labels.length);
  if (count > 0 && classes.length < 2) throw invalid('labels', 'two classes or more', classes.length);
  const rng = createRng(seed);
  const target = {
    symmetric: () => (label: string) => otherClass(classes, label, rng),
    asymmetric: () => (label: string) => {
      const other = nearest?.get(label);
      if (other === undefined || other === label)
        throw invalid('nearest', `another class for ${label}`, other);
      return other;
    },
    'small-cluster': () => merged(classes, rng),
  }[kind]();
  const order =
    kind === 'small-cluster' ? byClass(labels, rng) : Array.from(rng.shuffle(Int32Array.from(labels.keys())));
  const noisy = [...labels];
  const changed = order.slice(0, count).sort((a, b) => a - b);
  for (const row of changed) noisy[row] = target(labels[row]!);
  return { labels: noisy, changed };
}

function otherClass(classes: readonly string[], label: string, rng: Rng): string {
  const drawn = classes[rng.int(classes.length - 1)]!;
  return drawn === label ? classes.at(-1)! : drawn;
}

/** Each class is merged into one other, drawn once. */
function merged(classes: readonly string[], rng: Rng): (label: string) => string {
  const into = new Map(classes.map((label) => [label, otherClass(classes, label, rng)]));
  return (label) => into.get(label)!;
}

/** All rows, class after class in random order: the first ones are whole classes and a part of one. */
function byClass(labels: readonly string[], rng: Rng): number[] {
  const rows = new Map<string, number[]>();
  for (const [row, label] of labels.entries()) rows.set(label, [...(rows.get(label) ?? []), row]);
  return rng.shuffle([...rows.values()]).flatMap((some) => rng.shuffle(some));
}

/** For every class the other one whose mean direction is nearest by cosine. `features` [labels.length, dimension], unit rows. */
export function nearestClasses(options: {
  features: Float32Array;
  labels: readonly string[];
  dimension: number;
}): Map<string, string> {
  const { features, labels, dimension } = options;
  if (features.length !== labels.length * dimension) {
    throw invalid('features', `${labels.length * dimension} numbers`, features.length);
  }
  const names = [...new Set(labels)];
  const numberOf = new Map(names.map((name, i) => [name, i]));
  const means = new Float64Array(names.length * dimension);
  for (const [row, label] of labels.entries()) {
    const at = numberOf.get(label)! * dimension;
    for (let d = 0; d < dimension; d++) means[at + d]! += features[row * dimension + d]!;
  }
  const norms = names.map((_, i) => Math.hypot(...means.subarray(i * dimension, (i + 1) * dimension)) || 1);
  const cosine = (a: number, b: number) => {
    let sum = 0;
    for (let d = 0; d < dimension; d++) sum += means[a * dimension + d]! * means[b * dimension + d]!;
    return sum / norms[a]! / norms[b]!;
  };
  return new Map(
    names.map((name, a) => {
      let best = a === 0 ? 1 : 0;
      for (let b = 0; b < names.length; b++) if (b !== a && cosine(a, b) > cosine(a, best)) best = b;
      return [name, names[best]!];
    }),
  );
}
