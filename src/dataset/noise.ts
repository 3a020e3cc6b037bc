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
   * it (`nearest`). `small-cluster`: some classes, drawn at random, fall apart into clusters of two images, and each cluster
   * gets the label of one of the classes that stay whole; those labels alone are left. So are the lists of that name of
   * PRISM (Liu et al., CVPR 2021): counted there, 50 of Cars' 98 classes are gone as a whole, each into about 0.4 other
   * classes per image. To meet the rate exactly, the last class falls apart in part only and keeps its label.
   */
  readonly kind: NoiseKind;
  /** Part of the labels to make wrong: 0 up to, not with, 1. */
  readonly rate: number;
  readonly seed: number;
  /** For `asymmetric`: the other class that each class is taken for. nearestClasses computes it. */
  readonly nearest?: ReadonlyMap<string, string>;
  /** For `small-cluster`: number of each row's cluster within its class; similarPairs computes it. Default: random pairs. */
  readonly clusters?: ArrayLike<number>;
}

export interface LabelNoise {
  readonly labels: readonly string[];
  /** Rows whose label is another one now, ascending: round(rate x rows) of them. */
  readonly changed: readonly number[];
}

/** Throws `invalid_argument` where there is no other class to take a label from, or `nearest` lacks a class. */
export function addLabelNoise(options: LabelNoiseOptions): LabelNoise {
  refuseUnknown(options, ['labels', 'kind', 'rate', 'seed', 'nearest', 'clusters'], 'addLabelNoise');
  const { labels, kind, rate, seed, nearest, clusters } = options;
  if (!NOISE_KINDS.includes(kind)) throw invalid('kind', `one of ${NOISE_KINDS.join(', ')}`, kind);
  if (!(rate >= 0 && rate < 1)) throw invalid('rate', 'a number from 0 up to, not with, 1', rate);
  if (clusters !== undefined && clusters.length !== labels.length) {
    throw invalid('clusters', `${labels.length} numbers`, clusters.length);
  }
  const classes = [...new Set(labels)];
  const count = Math.round(rate * labels.length);
  if (count > 0 && classes.length < 2) throw invalid('labels', 'two classes or more', classes.length);
  const rng = createRng(seed);
  const noisy = [...labels];
  if (kind === 'small-cluster') {
    const changed = scatter({ labels, noisy, count, clusters, rng });
    return { labels: noisy, changed: changed.sort((a, b) => a - b) };
  }
  const order = Array.from(rng.shuffle(Int32Array.from(labels.keys())));
  const changed = order.slice(0, count).sort((a, b) => a - b);
  for (const row of changed) {
    const label = labels[row]!;
    noisy[row] = kind === 'symmetric' ? otherClass(classes, label, rng) : nearestOf(label, nearest);
  }
  return { labels: noisy, changed };
}

function otherClass(classes: readonly string[], label: string, rng: Rng): string {
  const drawn = classes[rng.int(classes.length - 1)]!;
  return drawn === label ? classes.at(-1)! : drawn;
}

function nearestOf(label: string, nearest: ReadonlyMap<string, string> | undefined): string {
  const other = nearest?.get(label);
  if (other === undefined || other === label) throw invalid('nearest', `another class for ${label}`, other);
  return other;
}

/** Relabels `count` rows of `noisy`, class after class in random order, cluster after cluster; returns the rows. */
function scatter(options: {
  labels: readonly string[];
  noisy: string[];
  count: number;
  clusters: ArrayLike<number> | undefined;
  rng: Rng;
}): number[] {
  const { labels, noisy, count, clusters, rng } = options;
  const classes = rng.shuffle([...groups(labels.keys(), (row) => labels[row]!)]);
  let last = 0;
  for (let rows = 0; rows < count; last++) rows += classes[last]![1].length;
  const whole = classes.slice(last).map(([label]) => label);
  const all = classes.map(([label]) => label);
  const moved: number[] = [];
  for (const [label, rows] of classes.slice(0, last)) {
    rng.shuffle(rows);
    const place = new Map(rows.map((row, i) => [row, i]));
    const clusterOf = (row: number) => clusters?.[row] ?? place.get(row)! >> 1;
    for (const cluster of groups(rows, clusterOf).values()) {
      // At so high a rate that no class stays whole, any other one will do.
      const target = whole.length > 0 ? whole[rng.int(whole.length)]! : otherClass(all, label, rng);
      for (const row of cluster.slice(0, count - moved.length)) {
        noisy[row] = target;
        moved.push(row);
      }
    }
  }
  return moved;
}

function groups<K>(rows: Iterable<number>, keyOf: (row: number) => K): Map<K, number[]> {
  const found = new Map<K, number[]>();
  for (const row of rows) {
    const key = keyOf(row);
    const group = found.get(key);
    if (group) group.push(row);
    else found.set(key, [row]);
  }
  return found;
}

export { nearestClasses, similarPairs } from './similar.ts';
