import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRng } from '../../src/math/rng.ts';
import { auroc, averagePrecision } from '../../src/metrics/detection.ts';
import { naiveAuroc, naiveAveragePrecision } from '../reference/detection.ts';

const items = fc.array(
  fc.record({
    score: fc.constantFrom(Number.NEGATIVE_INFINITY, 0, 0.5, 1, Number.POSITIVE_INFINITY),
    positive: fc.boolean(),
  }),
  { minLength: 1, maxLength: 6 },
);

describe('detection', () => {
  it('equals every pair and every order of the ties', () => {
    fc.assert(
      fc.property(items, (list) => {
        const scores = list.map((item) => item.score);
        const positives = list.map((item) => item.positive);
        const pairs = [
          [auroc({ scores, positives }), naiveAuroc(scores, positives)],
          [averagePrecision({ scores, positives }), naiveAveragePrecision(scores, positives)],
        ] as const;
        for (const [measured, expected] of pairs) {
          if (Number.isNaN(expected)) expect(measured).toBeNaN();
          else expect(measured).toBeCloseTo(expected, 12);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('is at chance for random scores and perfect for perfect ones', () => {
    const rng = createRng(4);
    const positives = Uint8Array.from({ length: 20_000 }, () => (rng.next() < 0.2 ? 1 : 0));
    const scores = Float32Array.from(positives, () => rng.next());
    expect(auroc({ scores, positives })).toBeCloseTo(0.5, 1);
    expect(averagePrecision({ scores, positives })).toBeCloseTo(0.2, 1);
    expect(auroc({ scores: positives, positives })).toBe(1);
    expect(averagePrecision({ scores: positives, positives })).toBe(1);
  });

  it('has no value where there is nothing to find, and refuses what it cannot order', () => {
    expect(auroc({ scores: [1, 2], positives: [0, 0] })).toBeNaN();
    expect(auroc({ scores: [1, 2], positives: [1, 1] })).toBeNaN();
    expect(averagePrecision({ scores: [1, 2], positives: [0, 0] })).toBeNaN();
    expect(() => auroc({ scores: [1, Number.NaN], positives: [0, 1] })).toThrow(/scores\[1\]: expected/);
    expect(() => auroc({ scores: [1], positives: [0, 1] })).toThrow(/positives: expected 1 values/);
    expect(() => averagePrecision({ scores: [1], positives: [1], ties: 1 } as never)).toThrow(/"ties"/);
  });
});
