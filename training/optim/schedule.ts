// The learning rate as a pure function of the step. Holds no state, so a resumed run has the rate of an uninterrupted one.

import { invalid, refuseUnknown } from '../../src/errors/error.ts';

/** How the rate falls from its peak after the warm-up. */
export type Schedule =
  | { readonly kind: 'constant' }
  /** Half a cosine down to 0. */
  | { readonly kind: 'cosine' }
  /** Times `factor` after every `every` epochs, or after each of the epochs in `milestones`; the warm-up's count too. */
  | { readonly kind: 'step'; readonly factor: number; readonly every: number }
  | { readonly kind: 'step'; readonly factor: number; readonly milestones: readonly number[] };

export interface RateOptions {
  readonly schedule: Schedule;
  /** The peak. */
  readonly learningRate: number;
  readonly totalSteps: number;
  readonly stepsPerEpoch: number;
  /** Steps of linear rise to the peak. */
  readonly warmupSteps: number;
}

/** The rate of a step, 0 for the first. */
export function rateAt(step: number, options: RateOptions): number {
  const { schedule, learningRate, totalSteps, stepsPerEpoch, warmupSteps } = options;
  if (step < warmupSteps) return (learningRate * (step + 1)) / warmupSteps;
  if (schedule.kind === 'constant') return learningRate;
  if (schedule.kind === 'cosine') {
    const progress = Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
    return (learningRate * (1 + Math.cos(Math.PI * progress))) / 2;
  }
  const epochs = Math.floor(step / stepsPerEpoch);
  const falls =
    'every' in schedule
      ? Math.floor(epochs / schedule.every)
      : schedule.milestones.filter((milestone) => epochs >= milestone).length;
  return learningRate * schedule.factor ** falls;
}

/** Throws `invalid_argument` and `unknown_option`. */
export function checkSchedule(schedule: Schedule): void {
  const { kind } = schedule;
  if (!['constant', 'cosine', 'step'].includes(kind)) {
    throw invalid('schedule.kind', 'constant, cosine or step', kind);
  }
  refuseUnknown(schedule, kind === 'step' ? ['kind', 'factor', 'every', 'milestones'] : ['kind'], 'schedule');
  if (schedule.kind !== 'step') return;
  const { factor } = schedule;
  if (!(factor > 0 && factor <= 1)) throw invalid('schedule.factor', 'a number above 0 and up to 1', factor);
  if ('every' in schedule === 'milestones' in schedule) {
    throw invalid('schedule', 'either every or milestones', JSON.stringify(schedule));
  }
  const epochs = 'every' in schedule ? [schedule.every] : schedule.milestones;
  for (const epoch of epochs) {
    if (!Number.isInteger(epoch) || epoch < 1) {
      throw invalid(
        'every' in schedule ? 'schedule.every' : 'schedule.milestones',
        'whole epochs of 1 or more',
        epoch,
      );
    }
  }
}
