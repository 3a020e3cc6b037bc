// How well k-means clusters of embeddings agree with their classes: NMI and AMI over several seeds. Retrieval is the
// sharper test (retrieval.ts); of these two, AMI is the one that chance does not raise.

import { invalid, refuseUnknown } from '../errors/error.ts';
import { type KMeansOptions, kMeans } from './k-means.ts';
import { partitionAgreement } from './partitions.ts';

export interface ClusteringOptions
  extends Pick<KMeansOptions, 'vectors' | 'dimension' | 'start' | 'iterations' | 'scores' | 'signal'> {
  /** Class of each row; k is the number of different ones. */
  readonly labels: readonly string[];
  /** One clustering each. Default 0 to 4. */
  readonly seeds?: readonly number[];
  /** Default spherical: embeddings are compared by cosine. */
  readonly kind?: KMeansOptions['kind'];
  /** Starts per seed. Default 1: the spread over seeds is to show the luck of a start. */
  readonly restarts?: number;
}

export interface OverSeeds {
  readonly mean: number;
  /** Sample standard deviation; 0 for one seed. */
  readonly sd: number;
  readonly values: readonly number[];
}

const KNOWN = 'vectors dimension labels seeds kind start restarts iterations scores signal'.split(' ');

/** Throws as kMeans does. */
export async function evaluateClustering(
  options: ClusteringOptions,
): Promise<{ nmi: OverSeeds; ami: OverSeeds }> {
  refuseUnknown(options, KNOWN, 'evaluateClustering');
  const { labels, seeds = [0, 1, 2, 3, 4], kind = 'spherical', restarts = 1, ...rest } = options;
  if (seeds.length === 0) throw invalid('seeds', 'at least one', seeds);
  if (labels.length * rest.dimension !== rest.vectors.length) {
    throw invalid('vectors', `${labels.length} x ${rest.dimension} values`, rest.vectors);
  }
  const k = new Set(labels).size;
  const runs: { nmi: number; ami: number }[] = [];
  for (const seed of seeds) {
    const { clusters } = await kMeans({ ...rest, k, seed, kind, restarts });
    runs.push(partitionAgreement({ a: labels, b: clusters }));
  }
  return { nmi: overSeeds(runs.map((run) => run.nmi)), ami: overSeeds(runs.map((run) => run.ami)) };
}

function overSeeds(values: readonly number[]): OverSeeds {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const squares = values.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  return { mean, sd: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0, values };
}
