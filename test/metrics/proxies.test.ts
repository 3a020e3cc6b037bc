import { describe, expect, it } from 'vitest';
import { createRng } from '../../src/math/rng.ts';
import { proxyReport } from '../../src/metrics/proxies.ts';

const rng = createRng(7);
const DIMENSION = 6;
/** Class of 3 tight modes far apart, 20 samples each. */
const modes = Array.from({ length: 60 }, (_, i) => i % 3);
/** The corners of an equilateral triangle. */
const centres = Array.from({ length: 3 * DIMENSION }, (_, at) => (at % (DIMENSION + 1) === 0 ? 4 : 0));
const embeddings = Float32Array.from(
  modes.flatMap((mode) =>
    centres.slice(mode * DIMENSION, (mode + 1) * DIMENSION).map((x) => x + 0.05 * rng.normal()),
  ),
);
const labels = new Int32Array(60);
const one = (proxies: ArrayLike<number>) => {
  const rows = Float32Array.from(proxies);
  const proxiesPerClass = rows.length / DIMENSION;
  const shape = { dimension: DIMENSION, proxiesPerClass };
  return proxyReport({ embeddings, labels, modes, proxies: rows, ...shape }).classes[0]!;
};

describe('proxyReport', () => {
  it('finds proxies on the modes near, all in use, all modes covered', () => {
    const report = one(centres);
    expect(report.w2).toBeLessThan(0.2);
    for (const share of report.occupancy) expect(share).toBeCloseTo(1 / 3, 12);
    expect(report.used).toBeCloseTo(3, 9);
    expect(report).toMatchObject({ unused: 0, modesCovered: 1, samples: 60 });
  });

  it('finds siblings in one place far, and the modes uncovered', () => {
    const mean = Array.from(
      { length: DIMENSION },
      (_, j) => (centres[j]! + centres[6 + j]! + centres[12 + j]!) / 3,
    );
    const report = one([...mean, ...mean.map((x) => x + 1e-3), ...mean.map((x) => x - 1e-3)]);
    expect(report.w2).toBeGreaterThan(2);
    expect(report.modesCovered).toBe(0);
    expect(report.siblingDistance).toBeLessThan(0.01);
    expect(report.sampleDistance).toBeGreaterThan(1);
  });

  it('counts proxies that no sample uses, and shares equal ones', () => {
    const away = Array.from({ length: DIMENSION }, () => 1000);
    const report = one([...centres, ...away]);
    expect(report.unused).toBe(1);
    expect(report.used).toBeCloseTo(3, 9);
    const twins = one([...centres.slice(0, DIMENSION), ...centres.slice(0, DIMENSION)]);
    expect([...twins.occupancy]).toEqual([expect.closeTo(0.5, 9), expect.closeTo(0.5, 9)]);
    expect(twins.modesCovered).toBeCloseTo(1 / 3, 9);
  });

  it('has a W2 that is 0 for proxies that are the data, and the shift for shifted ones', () => {
    expect(one(embeddings).w2).toBe(0);
    const shifted = one(embeddings.map((x, at) => (at % DIMENSION === 0 ? x + 0.25 : x)));
    expect(shifted.w2).toBeCloseTo(0.25, 5);
  });

  it('reports class by class and averages over those with samples', () => {
    const report = proxyReport({
      embeddings: Float32Array.of(0, 0, 1, 0, 5, 5),
      labels: Int32Array.of(0, 0, 2),
      proxies: Float32Array.of(0, 0, 9, 9, 5, 6),
      dimension: 2,
      proxiesPerClass: 1,
    });
    expect(report.classes.map((c) => c.samples)).toEqual([2, 0, 1]);
    expect(report.classes.map((c) => c.w2)).toEqual([Math.sqrt(0.5), Number.NaN, 1]);
    expect(report.mean.w2).toBeCloseTo((Math.sqrt(0.5) + 1) / 2, 12);
    expect(report.mean.siblingDistance).toBeNaN();
    expect(report.mean.modesCovered).toBeNaN();
  });

  it('refuses what does not fit', () => {
    const shape = { embeddings, labels, dimension: DIMENSION, proxiesPerClass: 2 };
    const proxies = Float32Array.from(centres);
    expect(() => proxyReport({ ...shape, proxies })).toThrow(/proxies: expected classes of 2 x 6/);
    const other = labels.with(3, 1);
    expect(() => proxyReport({ ...shape, proxiesPerClass: 3, proxies, labels: other })).toThrow(
      /labels\[3\]: expected 0 to 0/,
    );
  });
});
