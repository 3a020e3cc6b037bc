import { expect, test } from 'vitest';
import { warmupCosine } from '../../../training/optim/schedule.ts';

test('rises to the peak, then falls along half a cosine to 0', () => {
  const schedule = { learningRate: 2, totalSteps: 14, warmupSteps: 4 };
  const rates = Array.from({ length: 15 }, (_, step) => warmupCosine(step, schedule));
  expect(rates.slice(0, 5)).toEqual([0.5, 1, 1.5, 2, 2]);
  expect(rates[9]).toBeCloseTo(1, 12);
  expect(rates[14]).toBeCloseTo(0, 12);
  for (let step = 5; step < 15; step++) expect(rates[step]).toBeLessThan(rates[step - 1]!);
});

test('starts at the peak without a warm-up and stays at 0 past the end', () => {
  const schedule = { learningRate: 1, totalSteps: 10 };
  expect(warmupCosine(0, schedule)).toBe(1);
  expect(warmupCosine(11, schedule)).toBeCloseTo(0, 12);
});
