import { describe, expect, test } from 'vitest';
import { ADAMW, averageDecay, chooseOptimizer, SGD, slotsOf } from '../../../training/optim/optimizer.ts';

describe('choice of an optimiser', () => {
  test('fills in what is not named; the decay is the run’s', () => {
    expect(chooseOptimizer({ kind: 'adamw' }, 0.5)).toEqual({ ...ADAMW, weightDecay: 0.5 });
    expect(chooseOptimizer({ kind: 'adam', beta1: 0.5 }, 0)).toMatchObject({
      kind: 'adam',
      beta1: 0.5,
      beta2: 0.999,
    });
    expect(chooseOptimizer({ kind: 'sgd', nesterov: true }, 0)).toEqual({
      ...SGD,
      nesterov: true,
      weightDecay: 0,
    });
  });

  test('knows what each keeps', () => {
    expect(slotsOf(ADAMW)).toEqual(['first', 'second']);
    expect(slotsOf(SGD)).toEqual(['momentum']);
    expect(slotsOf({ ...SGD, momentum: 0 })).toEqual([]);
  });

  test.each([
    [{ kind: 'lion' }, /optimizer.kind/],
    [{ kind: 'adamw', momentum: 0.9 }, /momentum/],
    [{ kind: 'sgd', beta1: 0.9 }, /beta1/],
    [{ kind: 'adamw', weightDecay: 0.1 }, /weightDecay/],
    [{ kind: 'sgd', momentum: 1 }, /optimizer.momentum/],
    [{ kind: 'sgd', momentum: 0, nesterov: true }, /optimizer.nesterov/],
    [{ kind: 'adam', beta2: 1 }, /optimizer.beta2/],
    [{ kind: 'adam', epsilon: 0 }, /optimizer.epsilon/],
  ])('refuses %j', (choice, message) => {
    expect(() => chooseOptimizer(choice as never, 0)).toThrow(message);
  });
});

test('an average follows closely at first and is slow later', () => {
  expect(averageDecay(1, 0.999)).toBeCloseTo(2 / 11, 12);
  expect(averageDecay(80, 0.999)).toBeCloseTo(0.9, 12);
  expect(averageDecay(1e6, 0.999)).toBe(0.999);
});
