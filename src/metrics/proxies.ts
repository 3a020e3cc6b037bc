// What a class's proxies do: how far they lie from its data as a distribution (Wasserstein-2), which of them the data use,
// whether they cover its modes, how far apart siblings are. Looks only; training never reads this.

import { invalid, refuseUnknown } from '../errors/error.ts';
import { transport } from '../math/transport.ts';

export interface ProxyReportOptions {
  /** [samples, dimension] and [classes * proxiesPerClass, dimension], class by class; both as the loss compares them. */
  readonly embeddings: Float32Array;
  readonly proxies: Float32Array;
  readonly dimension: number;
  readonly proxiesPerClass: number;
  /** [samples]: 0 to classes - 1. */
  readonly labels: Int32Array;
  /** [samples]: sub-population of each sample, where known (synthetic data); any numbers. */
  readonly modes?: ArrayLike<number>;
  readonly signal?: AbortSignal;
}

export interface ClassProxies {
  readonly class: number;
  readonly samples: number;
  /** Exact Wasserstein-2 distance of the samples, each 1/samples, to the proxies, each 1/proxiesPerClass. NaN without samples. */
  readonly w2: number;
  /** [proxiesPerClass]: share of the class's samples whose nearest proxy of the class it is, ties by equal parts. */
  readonly occupancy: Float64Array;
  /** exp of the entropy of `occupancy`: how many proxies are in use, 1 to proxiesPerClass. */
  readonly used: number;
  /** Proxies nearest to no sample. */
  readonly unused: number;
  /** Mean distance of two proxies, and of two samples, of the class; NaN where there are not two. */
  readonly siblingDistance: number;
  readonly sampleDistance: number;
  /** Share of modes with a proxy nearer to their mean than half way to the next mode's; 1 of a single mode. Where modes are given. */
  readonly modesCovered?: number;
}

export interface ProxyReport {
  readonly classes: readonly ClassProxies[];
  /** Means over the classes that have a value. */
  readonly mean: Readonly<Record<Measured, number>>;
}

type Measured = 'w2' | 'used' | 'unused' | 'siblingDistance' | 'sampleDistance' | 'modesCovered';
const MEASURED: readonly Measured[] = [
  'w2',
  'used',
  'unused',
  'siblingDistance',
  'sampleDistance',
  'modesCovered',
];

const KNOWN = 'embeddings proxies dimension proxiesPerClass labels modes signal'.split(' ');

/**
 * Per class: samples x proxies distances, an exact transport (about samples^2 x proxies steps; 1,000 samples with 15
 * proxies take 0.2 s) and all pairs of samples. Throws `invalid_argument` and the signal's reason.
 */
export function proxyReport(options: ProxyReportOptions): ProxyReport {
  refuseUnknown(options, KNOWN, 'proxyReport');
  const { embeddings, proxies, dimension, proxiesPerClass: m, labels, modes, signal } = options;
  const classes = proxies.length / (m * dimension);
  if (!(Number.isInteger(m) && m >= 1)) throw invalid('proxiesPerClass', '1 or more', m);
  if (!Number.isInteger(classes)) throw invalid('proxies', `classes of ${m} x ${dimension} values`, proxies);
  if (embeddings.length !== labels.length * dimension) {
    throw invalid('embeddings', `${labels.length} x ${dimension} values`, embeddings);
  }
  if (modes !== undefined && modes.length !== labels.length) {
    throw invalid('modes', `${labels.length} values, one per sample`, modes.length);
  }
  const members: number[][] = Array.from({ length: classes }, () => []);
  labels.forEach((label, i) => {
    const rows = members[label];
    if (rows === undefined) throw invalid(`labels[${i}]`, `0 to ${classes - 1}`, label);
    rows.push(i);
  });
  const row = (data: Float32Array, i: number) => data.subarray(i * dimension, (i + 1) * dimension);
  const reports = members.map((rows, index) => {
    signal?.throwIfAborted();
    return oneClass({
      index,
      samples: rows.map((i) => row(embeddings, i)),
      siblings: Array.from({ length: m }, (_, p) => row(proxies, index * m + p)),
      modes: modes && rows.map((i) => modes[i]!),
    });
  });
  const mean = Object.fromEntries(
    MEASURED.map((name) => {
      const values = reports.map((report) => report[name] ?? NaN).filter((x) => !Number.isNaN(x));
      return [name, values.reduce((sum, x) => sum + x, 0) / values.length];
    }),
  ) as Record<Measured, number>;
  return { classes: reports, mean };
}

type Rows = readonly Float32Array[];

function oneClass(options: { index: number; samples: Rows; siblings: Rows; modes?: number[] }): ClassProxies {
  const { index, samples, siblings, modes } = options;
  const [n, m] = [samples.length, siblings.length];
  const squares = Float64Array.from({ length: n * m }, (_, at) =>
    squaredDistance(samples[Math.floor(at / m)]!, siblings[at % m]!),
  );
  const occupancy = new Float64Array(m);
  for (let i = 0; i < n; i++) {
    const own = squares.subarray(i * m, (i + 1) * m);
    const least = Math.min(...own);
    const nearest = own.reduce((count, x) => count + (x === least ? 1 : 0), 0);
    own.forEach((x, p) => {
      if (x === least) occupancy[p]! += 1 / (nearest * n);
    });
  }
  const entropy = occupancy.reduce((h, share) => (share > 0 ? h - share * Math.log(share) : h), 0);
  return {
    class: index,
    samples: n,
    w2: n === 0 ? NaN : Math.sqrt(Math.max(0, transport({ cost: squares, ...uniform(n, m) }).cost)),
    occupancy,
    used: n === 0 ? NaN : Math.exp(entropy),
    unused: n === 0 ? NaN : occupancy.filter((share) => share === 0).length,
    siblingDistance: meanDistance(siblings),
    sampleDistance: meanDistance(samples),
    ...(modes === undefined ? {} : { modesCovered: modesCovered(samples, siblings, modes) }),
  };
}

const uniform = (n: number, m: number) => ({
  supply: new Float64Array(n).fill(1 / n),
  demand: new Float64Array(m).fill(1 / m),
});

function modesCovered(samples: Rows, siblings: Rows, modes: readonly number[]): number {
  const centres = [...new Set(modes)].map((mode) => meanOf(samples.filter((_, i) => modes[i] === mode)));
  const covered = centres.filter((centre) => {
    const others = centres.filter((other) => other !== centre);
    const reach = Math.min(...others.map((other) => squaredDistance(centre, other))) / 4;
    return siblings.some((proxy) => squaredDistance(centre, proxy) < reach);
  });
  return covered.length / centres.length;
}

function meanOf(rows: Rows): Float32Array {
  const sum = new Float32Array(rows[0]!.length);
  for (const row of rows) for (let j = 0; j < sum.length; j++) sum[j]! += row[j]! / rows.length;
  return sum;
}

function meanDistance(rows: Rows): number {
  let sum = 0;
  for (let i = 0; i < rows.length; i++) {
    for (let j = 0; j < i; j++) sum += Math.sqrt(squaredDistance(rows[i]!, rows[j]!));
  }
  return sum / ((rows.length * (rows.length - 1)) / 2);
}

function squaredDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += (a[j]! - b[j]!) ** 2;
  return sum;
}
