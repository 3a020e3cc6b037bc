import { describe, expect, test } from 'vitest';
import { checkSchedule, type RateOptions, rateAt } from '../../../training/optim/schedule.ts';

const run = (options: Partial<RateOptions>): RateOptions => ({
  ...{ schedule: { kind: 'cosine' }, learningRate: 2, totalSteps: 14, stepsPerEpoch: 2, warmupSteps: 0 },
  ...options,
});
const rates = (options: RateOptions) =>
  Array.from({ length: options.totalSteps + 1 }, (_, step) => rateAt(step, options));

describe('learning rate', () => {
  test('rises to the peak, then falls along half a cosine to 0', () => {
    const got = rates(run({ warmupSteps: 4 }));
    expect(got.slice(0, 5)).toEqual([0.5, 1, 1.5, 2, 2]);
    expect(got[9]).toBeCloseTo(1, 12);
    expect(got[14]).toBeCloseTo(0, 12);
    for (let step = 5; step < 15; step++) expect(got[step]).toBeLessThan(got[step - 1]!);
  });

  test('starts at the peak without a warm-up and stays at 0 past the end', () => {
    expect(rateAt(0, run({}))).toBe(2);
    expect(rateAt(20, run({}))).toBeCloseTo(0, 12);
  });

  test('stays where it is', () => {
    expect(rates(run({ schedule: { kind: 'constant' }, totalSteps: 3, warmupSteps: 2 }))).toEqual([
      1, 2, 2, 2,
    ]);
  });

  test('falls by a factor every so many epochs', () => {
    const got = rates(run({ schedule: { kind: 'step', factor: 0.5, every: 2 }, totalSteps: 9 }));
    expect(got).toEqual([2, 2, 2, 2, 1, 1, 1, 1, 0.5, 0.5]);
  });

  test('falls by a factor after named epochs, counted with the warm-up', () => {
    const schedule = { kind: 'step', factor: 0.1, milestones: [3, 4] } as const;
    const got = rates(run({ schedule, warmupSteps: 2, totalSteps: 9 }));
    const expected = [1, 2, 2, 2, 2, 2, 0.2, 0.2, 0.02, 0.02];
    for (const [step, rate] of got.entries()) expect(rate).toBeCloseTo(expected[step]!, 12);
  });

  test.each([
    [{ kind: 'linear' }, /schedule.kind: expected constant, cosine or step/],
    [{ kind: 'cosine', factor: 2 }, /factor/],
    [{ kind: 'step', factor: 0.5 }, /either every or milestones/],
    [{ kind: 'step', factor: 0.5, every: 2, milestones: [1] }, /either every or milestones/],
    [{ kind: 'step', factor: 0, every: 2 }, /schedule.factor/],
    [{ kind: 'step', factor: 0.5, every: 0 }, /schedule.every/],
    [{ kind: 'step', factor: 0.5, milestones: [1.5] }, /schedule.milestones/],
  ])('refuses %j', (schedule, message) => {
    expect(() => checkSchedule(schedule as never)).toThrow(message);
  });
});
