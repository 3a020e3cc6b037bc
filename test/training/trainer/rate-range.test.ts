import { describe, expect, test } from 'vitest';
import type { Loss } from '../../../training/losses/loss.ts';
import { learningRateRange } from '../../../training/trainer/rate-range.ts';
import { optionsOf, trainRich } from './rich.ts';

describe('learning rate range test', () => {
  test('finds a rate that trains, below the one that diverges', async () => {
    const options = {
      ...optionsOf(),
      optimizer: { kind: 'sgd' },
      ema: 0,
      clipNorm: 0,
      clipValue: 0,
    } as const;
    const { curve, suggested, diverged } = await learningRateRange({
      ...options,
      from: 1e-4,
      to: 1e4,
      steps: 80,
    });
    expect(curve[0]!.learningRate).toBe(1e-4);
    expect(curve[0]!.smoothed).toBeCloseTo(curve[0]!.loss, 10);
    for (let i = 2; i < curve.length; i++) {
      const factor = (at: number) => curve[at]!.learningRate / curve[at - 1]!.learningRate;
      expect(factor(i)).toBeCloseTo(factor(1), 6);
    }
    expect(diverged).toBeGreaterThan(suggested * 9.99);
    const lossAfter = async (learningRate: number) =>
      (await trainRich({ ...options, learningRate })).history.at(-1)!.loss!;
    expect(await lossAfter(suggested)).toBeLessThan(await lossAfter(suggested / 1000));
    expect(await lossAfter(suggested)).toBeLessThan(await lossAfter(diverged!));
  });

  test('judges, saves and says nothing of epochs, and is the same again', async () => {
    const never = () => {
      throw new Error('asked for');
    };
    const range = () =>
      learningRateRange({
        ...{
          ...optionsOf(),
          steps: 20,
          from: 1e-3,
          to: 1,
          checkpointDirectory: '/nowhere/at/all',
          keepTop: 1,
        },
        ...{ validate: never, onEpoch: never, clock: never },
      });
    expect(await range()).toEqual(await range());
  });

  test.each([
    [{ from: 0 }, /from/],
    [{ from: 1, to: 0.5 }, /to: expected a rate above from/],
    [{ steps: 2 }, /steps/],
    [{ rate: 1 }, /rate/],
  ])('refuses %j', async (options, message) => {
    await expect(learningRateRange({ ...optionsOf(), ...options } as never)).rejects.toThrow(message);
  });

  test('refuses a range in which the loss never falls', async () => {
    const { loss } = optionsOf();
    const rising: Loss = {
      ...loss,
      scheduled: { ...loss.scheduled, rise: (progress) => 1000 * progress },
      build: (input) => {
        const { loss: value, next } = loss.build(input);
        return { loss: input.ops.add(value, input.scheduled.rise!), next };
      },
    };
    await expect(learningRateRange({ ...optionsOf(), loss: rising })).rejects.toThrow(
      /from: expected a rate at which the loss falls/,
    );
  });

  test('can be stopped', async () => {
    const controller = new AbortController();
    const onProgress = ({ step }: { step: number }) => step === 3 && controller.abort();
    const stopped = learningRateRange({ ...optionsOf(), signal: controller.signal, onProgress });
    await expect(stopped).rejects.toMatchObject({ code: 'aborted' });
  });
});
