// Mean and interval of a handful of runs. Not the bootstrap over classes (src/metrics/bootstrap.ts).

/** Two-sided 97.5 % points of Student's t for 2 to 30 degrees of freedom. */
const T = [
  4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];

export const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;

export interface Interval {
  readonly mean: number;
  /** Half the 95 % interval; NaN under three values, of which an interval says too little. */
  readonly half: number;
  readonly count: number;
}

/** Student's 95 % interval of the mean of independent values. */
export function interval(values: readonly number[]): Interval {
  const count = values.length;
  const middle = mean(values);
  if (count < 3) return { mean: middle, half: Number.NaN, count };
  const variance = values.reduce((sum, x) => sum + (x - middle) ** 2, 0) / (count - 1);
  return { mean: middle, half: (T[count - 3] ?? 1.96) * Math.sqrt(variance / count), count };
}
