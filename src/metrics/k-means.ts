// Lloyd's k-means, Euclidean or spherical, seeded by k-means++ or by random rows. Inner products come from a ScoreBlock,
// so that a GEMM can compute them.

import { invalid, refuseUnknown } from '../errors/error.ts';
import { dot } from '../math/dot.ts';
import { createRng, type Rng } from '../math/rng.ts';
import { plainScores, type ScoreBlock } from './scores.ts';

export interface KMeansOptions {
  /** [rows, dimension], row-major; unit rows for `spherical`. */
  readonly vectors: Float32Array;
  readonly dimension: number;
  /** 1 to rows. */
  readonly k: number;
  readonly seed: number;
  /** spherical: centres are unit vectors and the largest cosine wins (Dhillon and Modha 2001). Default euclidean. */
  readonly kind?: 'euclidean' | 'spherical';
  /** '++' spreads the first centres (Arthur and Vassilvitskii 2007) in rows x k x dimension steps; default. */
  readonly start?: '++' | 'random';
  /** Independent starts, of which the least inertia is kept. Default 3. */
  readonly restarts?: number;
  /** Most rounds of one start; ends before where no row moves. Default 50. */
  readonly iterations?: number;
  readonly scores?: ScoreBlock;
  readonly signal?: AbortSignal;
}

export interface KMeans {
  /** [rows]: cluster of each row; every cluster has at least one. */
  readonly clusters: Uint32Array;
  /** [k, dimension]. */
  readonly centres: Float32Array;
  /** Sum of squared distances of the rows to their centres. */
  readonly inertia: number;
}

const KNOWN = 'vectors dimension k seed kind start restarts iterations scores signal'.split(' ');
const BLOCK_FLOATS = 8 << 20;

/** Same seed, same clusters. Throws `invalid_argument`, `unknown_option` and the signal's reason. */
export async function kMeans(options: KMeansOptions): Promise<KMeans> {
  refuseUnknown(options, KNOWN, 'kMeans');
  const { vectors, dimension, k, restarts = 3 } = options;
  const rows = vectors.length / dimension;
  if (!Number.isInteger(rows)) throw invalid('vectors', `rows of ${dimension} values`, vectors);
  if (!Number.isInteger(k) || k < 1 || k > rows) throw invalid('k', `a whole number from 1 to ${rows}`, k);
  if (!Number.isInteger(restarts) || restarts < 1) throw invalid('restarts', '1 or more', restarts);
  const rng = createRng(options.seed);
  const norms = Float64Array.from({ length: rows }, (_, row) => squared(vectors, row, dimension));
  let best: KMeans | undefined;
  for (let start = 0; start < restarts; start++) {
    const found = await once(options, norms, rng);
    if (best === undefined || found.inertia < best.inertia) best = found;
  }
  return best!;
}

async function once(options: KMeansOptions, norms: Float64Array, rng: Rng): Promise<KMeans> {
  const { vectors, dimension, k, kind = 'euclidean', start = '++', iterations = 50, signal } = options;
  const rows = norms.length;
  const first = start === '++' ? plusPlus(options, norms, rng) : randomRows(rows, k, rng);
  const centres = new Float32Array(k * dimension);
  first.forEach((row, c) => {
    centres.set(vectors.subarray(row * dimension, (row + 1) * dimension), c * dimension);
  });
  const clusters = new Uint32Array(rows).fill(k);
  const distances = new Float64Array(rows);
  for (let round = 0; ; round++) {
    signal?.throwIfAborted();
    const moved = await assign({ ...options, centres, norms, clusters, distances });
    if (moved === 0 || round === iterations) break;
    update({ vectors, dimension, k, centres, clusters, distances, unit: kind === 'spherical' });
  }
  return { clusters, centres, inertia: distances.reduce((sum, x) => sum + x, 0) };
}

/** Nearest centre of every row, the lowest of equal ones, then a row for every empty cluster; returns how many moved. */
async function assign(
  options: KMeansOptions & {
    centres: Float32Array;
    norms: Float64Array;
    clusters: Uint32Array;
    distances: Float64Array;
  },
): Promise<number> {
  const { vectors, dimension, k, scores = plainScores, centres, norms, clusters, distances } = options;
  const rows = norms.length;
  const centreNorms = Float64Array.from({ length: k }, (_, c) => squared(centres, c, dimension));
  const sizes = new Uint32Array(k);
  const blockRows = Math.max(1, Math.floor(BLOCK_FLOATS / k));
  let moved = 0;
  for (let from = 0; from < rows; from += blockRows) {
    const to = Math.min(rows, from + blockRows);
    const part = vectors.subarray(from * dimension, to * dimension);
    const products = await scores({ queries: part, gallery: centres, dimension });
    for (let row = from; row < to; row++) {
      let [nearest, least] = [0, Number.POSITIVE_INFINITY];
      for (let c = 0, at = (row - from) * k; c < k; c++, at++) {
        const distance = centreNorms[c]! - 2 * products[at]!;
        if (distance < least) [nearest, least] = [c, distance];
      }
      if (clusters[row] !== nearest) moved++;
      clusters[row] = nearest;
      distances[row] = Math.max(0, least + norms[row]!);
      sizes[nearest]!++;
    }
  }
  for (let c = 0; c < k; c++) {
    if (sizes[c] !== 0) continue;
    // The row farthest from its centre, of a cluster that can spare it.
    let farthest = -1;
    for (let row = 0; row < rows; row++) {
      if (sizes[clusters[row]!]! < 2) continue;
      if (farthest < 0 || distances[row]! > distances[farthest]!) farthest = row;
    }
    sizes[clusters[farthest]!]!--;
    sizes[c] = 1;
    clusters[farthest] = c;
    distances[farthest] = 0;
    centres.set(vectors.subarray(farthest * dimension, (farthest + 1) * dimension), c * dimension);
    moved++;
  }
  return moved;
}

function update(options: {
  vectors: Float32Array;
  dimension: number;
  k: number;
  centres: Float32Array;
  clusters: Uint32Array;
  distances: Float64Array;
  unit: boolean;
}): void {
  const { vectors, dimension, k, centres, clusters, unit } = options;
  const sums = new Float64Array(k * dimension);
  const sizes = new Uint32Array(k);
  clusters.forEach((c, row) => {
    sizes[c]!++;
    for (let j = 0; j < dimension; j++) sums[c * dimension + j]! += vectors[row * dimension + j]!;
  });
  for (let c = 0; c < k; c++) {
    let square = 0;
    for (let j = 0; j < dimension; j++) square += sums[c * dimension + j]! ** 2;
    // Rows that cancel out have no mean direction: their centre stays where it was.
    if (unit && square < 1e-20) continue;
    const scale = unit ? 1 / Math.sqrt(square) : 1 / sizes[c]!;
    for (let j = 0; j < dimension; j++) centres[c * dimension + j] = sums[c * dimension + j]! * scale;
  }
}

/** Each next row with probability in proportion to its squared distance from those drawn before. */
function plusPlus({ vectors, dimension, k }: KMeansOptions, norms: Float64Array, rng: Rng): number[] {
  const rows = norms.length;
  const nearest = new Float64Array(rows).fill(Number.POSITIVE_INFINITY);
  const drawn = [rng.int(rows)];
  while (drawn.length < k) {
    const last = drawn.at(-1)!;
    let total = 0;
    for (let row = 0; row < rows; row++) {
      const product = dot(vectors, row * dimension, vectors, last * dimension, dimension);
      const distance = row === last ? 0 : Math.max(0, norms[row]! + norms[last]! - 2 * product);
      if (distance < nearest[row]!) nearest[row] = distance;
      total += nearest[row]!;
    }
    let left = rng.next() * total;
    let chosen = -1;
    for (let row = 0; row < rows; row++) {
      if (nearest[row] === 0) continue;
      chosen = row;
      left -= nearest[row]!;
      if (left <= 0) break;
    }
    // Fewer different rows than centres: any row will do, the empty clusters are filled later.
    drawn.push(chosen < 0 ? rng.int(rows) : chosen);
  }
  return drawn;
}

function randomRows(rows: number, k: number, rng: Rng): Uint32Array {
  return rng.shuffle(Uint32Array.from({ length: rows }, (_, row) => row)).subarray(0, k);
}

const squared = (data: Float32Array, row: number, dimension: number) =>
  dot(data, row * dimension, data, row * dimension, dimension);
