// Collapse detector: do embeddings still use their space, or have they run together into a point, a cone or a few
// directions? Says what to do about it. Knows no labels: a healthy verdict is not a good model (retrieval.ts judges that).

import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { invalid, refuseUnknown } from '../errors/error.ts';
import { centredSecondMoment, evenRows, unitRows } from './spread.ts';

export interface DiagnoseOptions {
  /** [rows, dimension], row-major. Need not be unit length: directions are judged. */
  readonly embeddings: Float32Array;
  readonly dimension: number;
  /** Distinct classes among the rows: perfectly tight classes span at most classes - 1 directions, which is no collapse. */
  readonly classes?: number;
  /** The diagnosis before training, for what only a comparison shows. */
  readonly before?: Pick<Diagnosis, 'effectiveRank' | 'meanCosine'>;
  /** Mean loss of the last epoch, and the margin of a triplet-like loss: a loss that sits at its margin is a collapse. */
  readonly loss?: number;
  readonly margin?: number;
  /** Also the entropy rank: an eigendecomposition, about 1 s at 512 dimensions. Default false. */
  readonly entropy?: boolean;
}

export type Verdict = 'healthy' | 'collapsing' | 'collapsed';

export interface Diagnosis {
  /** Participation ratio of the covariance spectrum, (sum l)^2 / sum l^2: 1 to dimension; 0 where nothing varies. */
  readonly effectiveRank: number;
  /** exp of the entropy of the normalised spectrum (Roy and Vetterli 2007); where asked for. */
  readonly entropyRank?: number;
  /** Mean cosine of two different rows, all pairs. */
  readonly meanCosine: number;
  /** Share of dimensions whose variance is below 1e-4 of the mean one; 1 where nothing varies. */
  readonly deadShare: number;
  /** Rows that are zero or not finite; left out of the numbers above. */
  readonly badRows: number;
  readonly verdict: Verdict;
  /** What is wrong, then what has cured it for others, most likely first. Empty where healthy. */
  readonly advice: readonly string[];
}

/**
 * Thresholds. On furniture, frozen Inception-v3 features (2,048-d) have mean cosine 0.35 and effective rank 108, the trained
 * 128-d head 0.00 and 76; collapsed runs in the issue trackers report cosines of 0.98 (pytorch-metric-learning #545).
 */
const CONE = { collapsing: 0.8, collapsed: 0.95 };
const RANK = { collapsing: 0.05, collapsed: 2 };
const FALL_FROM_START = 0.25;
const DEAD_VARIANCE = 1e-4;
const DEAD_SHARE = 0.5;
const AT_MARGIN = 0.01;

/**
 * O(rows d) for the mean cosine, exact over all rows; the spectrum takes evenly spaced rows where all would need more
 * than 2e8 products. Needs 2 rows. Throws `invalid_argument` on shapes; values that are not finite are a finding, not an
 * error.
 */
export function diagnose(options: DiagnoseOptions): Diagnosis {
  const known = ['embeddings', 'dimension', 'classes', 'before', 'loss', 'margin', 'entropy'];
  refuseUnknown(options, known, 'diagnose');
  const { embeddings, dimension } = options;
  if (!Number.isInteger(dimension) || dimension < 1) throw invalid('dimension', '1 or more', dimension);
  if (embeddings.length % dimension !== 0 || embeddings.length < 2 * dimension) {
    throw invalid('embeddings', `at least 2 rows of ${dimension} values`, embeddings);
  }
  const { rows, sum, count, bad } = unitRows(embeddings, dimension);
  if (count < 2) {
    const shape = { effectiveRank: 0, meanCosine: NaN, deadShare: 1, badRows: bad };
    return { ...shape, verdict: 'collapsed', advice: [badRowsText(bad, count + bad), ...CURES] };
  }
  const meanCosine = (sum.reduce((total, x) => total + x * x, 0) - count) / (count * (count - 1));
  const sample = evenRows(rows, dimension);
  const { moment, size, variances } = centredSecondMoment(sample, dimension);
  let [trace, squares] = [0, 0];
  for (let i = 0; i < size; i++) trace += moment[i * size + i]!;
  for (const x of moment) squares += x * x;
  // What rounding leaves of equal rows is not variance.
  const varies = trace / (sample.length / dimension) > 1e-10;
  const average = variances.reduce((total, x) => total + x, 0) / dimension;
  const dead = varies ? variances.filter((x) => x < DEAD_VARIANCE * average).length : dimension;
  const numbers = {
    effectiveRank: varies ? (trace * trace) / squares : 0,
    ...(options.entropy ? { entropyRank: varies ? entropyRank(moment, size) : 0 } : {}),
    meanCosine,
    deadShare: dead / dimension,
    badRows: bad,
  };
  return { ...numbers, ...judge(numbers, options, count) };
}

type Numbers = Pick<Diagnosis, 'effectiveRank' | 'meanCosine' | 'deadShare' | 'badRows'>;

function judge(
  { effectiveRank, meanCosine, deadShare, badRows }: Numbers,
  { dimension, classes, before, loss, margin }: DiagnoseOptions,
  count: number,
): Pick<Diagnosis, 'verdict' | 'advice'> {
  const findings: string[] = [];
  let verdict: Verdict = 'healthy';
  const found = (level: 'collapsing' | 'collapsed', text: string) => {
    if (verdict !== 'collapsed') verdict = level;
    findings.push(text);
  };
  if (badRows > 0) found('collapsed', badRowsText(badRows, badRows + count));

  const cosine = meanCosine.toFixed(2);
  if (meanCosine >= CONE.collapsed)
    found('collapsed', `All embeddings point one way (mean cosine ${cosine}).`);
  else if (meanCosine >= CONE.collapsing || (before && meanCosine > (1 + before.meanCosine) / 2)) {
    const start = before ? `, ${before.meanCosine.toFixed(2)} before training` : '';
    found('collapsing', `The embeddings are drawing into a cone (mean cosine ${cosine}${start}).`);
  }

  const most = Math.min(dimension, count - 1, classes === undefined ? dimension : Math.max(1, classes - 1));
  const rank = `effective rank ${effectiveRank.toFixed(1)} of at most ${most}`;
  if (effectiveRank < Math.min(RANK.collapsed, most / 2))
    found('collapsed', `Almost one direction is left (${rank}).`);
  else if (effectiveRank < RANK.collapsing * most)
    found('collapsing', `Few directions are in use (${rank}).`);
  else if (before && effectiveRank < FALL_FROM_START * Math.min(before.effectiveRank, most)) {
    found('collapsing', `The ${rank} was ${before.effectiveRank.toFixed(1)} before training.`);
  }
  if (deadShare > DEAD_SHARE) {
    found(
      'collapsing',
      `${Math.round(100 * deadShare)} % of the dimensions hardly vary: a shorter embedding would do.`,
    );
  }
  if (loss !== undefined && margin !== undefined && Math.abs(loss - margin) <= AT_MARGIN * margin) {
    found(
      'collapsing',
      `The loss sits at its margin (${loss.toFixed(4)}): all distances in its triplets are equal.`,
    );
  }
  return { verdict, advice: findings.length > 0 ? [...findings, ...CURES] : [] };
}

/** training-anchors section 7, items 12 to 17: what maintainers and users found to help. */
const CURES = [
  'Lower the learning rate of the network, or warm it up.',
  'Mine semi-hard instead of hardest negatives, at least for the first epochs.',
  'Keep embeddings of unit length and the margin small against their largest distance of 2.',
  'Give proxies their own, higher rate: slow proxies stay behind and pull every class to one place.',
  'With a potential field, enlarge the repulsion radius delta: beyond it other classes push less and less.',
];

const badRowsText = (bad: number, of: number) =>
  `${bad} of ${of} embeddings are zero or not finite: the step was too large; clip gradients.`;

function entropyRank(moment: Float64Array, size: number): number {
  const { realEigenvalues } = new EigenvalueDecomposition(Matrix.from1DArray(size, size, moment), {
    assumeSymmetric: true,
  });
  const values = realEigenvalues.filter((x) => x > 0);
  const total = values.reduce((sum, x) => sum + x, 0);
  return Math.exp(values.reduce((h, x) => h - (x / total) * Math.log(x / total), 0));
}
