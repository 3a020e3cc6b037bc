import { expect, test } from 'vitest';
import { classMeans } from '../../../training/trainer/class-means.ts';

test('unit mean of each class under the head; a class at the origin stays there', () => {
  const means = classMeans({
    features: Float32Array.of(1, 0, 0, 0, 1, 0, 3, 4, 7, 2, 2, 0, -2, -2, 0),
    labels: Int32Array.of(0, 0, 1, 2, 2),
    classes: 3,
    dimensionIn: 3,
    dimension: 2,
    head: Float32Array.of(1, 0, 0, 1, 0, 0),
  });
  for (const [i, expected] of [Math.SQRT1_2, Math.SQRT1_2, 0.6, 0.8, 0, 0].entries()) {
    expect(means[i]).toBeCloseTo(expected, 6);
  }
});
