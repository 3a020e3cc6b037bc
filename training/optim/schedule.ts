// The learning rate as a pure function of the step. Holds no state, so a resumed run has the rate of an uninterrupted one.

export interface Schedule {
  readonly learningRate: number;
  readonly totalSteps: number;
  /** Steps of linear rise before the cosine. Default 0. */
  readonly warmupSteps?: number;
}

/** Linear warm-up, then half a cosine down to 0 at `totalSteps`. `step` counts from 0. */
export function warmupCosine(step: number, schedule: Schedule): number {
  const { learningRate, totalSteps, warmupSteps = 0 } = schedule;
  if (step < warmupSteps) return (learningRate * (step + 1)) / warmupSteps;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
  return (learningRate * (1 + Math.cos(Math.PI * progress))) / 2;
}
