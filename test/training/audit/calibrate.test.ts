import { describe, expect, it } from 'vitest';
import { createRng } from '../../../src/math/rng.ts';
import { noiseRate, wrongProbability } from '../../../training/audit/calibrate.ts';

/** Scores of random labels, and of labels of which the first `rate` are random; the right ones score well above most random ones. */
function scored(rate: number, seed: number) {
  const rng = createRng(seed);
  const low = () => Math.exp(rng.normal() - 5);
  const random = Array.from({ length: 1000 }, low);
  const scores = random.map((_, i) => (i < rate * random.length ? low() : Math.exp(rng.normal() - 1)));
  return { scores, random };
}
const seeds = Array.from({ length: 30 }, (_, seed) => seed);

describe('noiseRate', () => {
  it.each([0, 0.05, 0.2, 0.5])('reads a rate of %f off the scores, whatever the draw', (rate) => {
    for (const seed of seeds) {
      const { scores, random } = scored(rate, seed);
      expect(Math.abs(noiseRate(scores, random) - rate)).toBeLessThan(0.02 + 0.15 * rate);
    }
  });

  it('is 1 where all labels are random, and bears scores that are all the same', () => {
    const { random } = scored(0.2, 1);
    expect(noiseRate(random, random)).toBe(1);
    expect(noiseRate([0, 0, 0, 1], [0, 0, 0, 0])).toBe(0.75);
  });
});

describe('wrongProbability', () => {
  it('is above a half for nearly all labels that are wrong, and for hardly one that is right', () => {
    for (const seed of seeds) {
      const { scores, random } = scored(0.2, seed);
      const doubted = [...wrongProbability(scores, random)].map((p) => p > 0.5);
      expect(doubted.slice(0, 200).filter(Boolean).length).toBeGreaterThan(170);
      expect(doubted.slice(200).filter(Boolean).length).toBeLessThan(20);
    }
  });
});
