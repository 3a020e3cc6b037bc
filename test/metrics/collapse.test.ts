import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRng } from '../../src/math/rng.ts';
import { diagnose } from '../../src/metrics/collapse.ts';
import { naiveMeanCosine, naiveParticipationRatio } from '../reference/spread.ts';

const D = 32;
const rng = createRng(1);
const gaussian = (rows: number, dimension = D) =>
  Float32Array.from({ length: rows * dimension }, () => rng.normal());
const cloud = gaussian(2000);

describe('diagnose', () => {
  it('equals the definitions, with fewer and with more rows than dimensions', () => {
    const shape = fc.record({
      rows: fc.integer({ min: 3, max: 9 }),
      seed: fc.nat(),
      shift: fc.nat({ max: 2 }),
    });
    fc.assert(
      fc.property(shape, ({ rows, seed, shift }) => {
        const draw = createRng(seed);
        const list = Array.from({ length: rows }, () =>
          Array.from({ length: 5 }, () => Math.fround(draw.normal() + shift)),
        );
        const { meanCosine, effectiveRank } = diagnose({
          embeddings: Float32Array.from(list.flat()),
          dimension: 5,
        });
        expect(meanCosine).toBeCloseTo(naiveMeanCosine(list), 6);
        expect(effectiveRank).toBeCloseTo(naiveParticipationRatio(list), 4);
      }),
      { numRuns: 50 },
    );
  });

  it('counts the directions of a flat spectrum by either rank', () => {
    const axes = Float32Array.from({ length: 2 * D * D }, (_, i) => {
      const [row, column] = [Math.floor(i / D), i % D];
      return column === row >> 1 ? (row % 2 === 0 ? 1 : -1) : 0;
    });
    const { effectiveRank, entropyRank } = diagnose({ embeddings: axes, dimension: D, entropy: true });
    expect(effectiveRank).toBeCloseTo(D, 6);
    expect(entropyRank).toBeCloseTo(D, 6);
    expect(diagnose({ embeddings: axes, dimension: D })).not.toHaveProperty('entropyRank');
  });

  it('finds a healthy cloud healthy and says nothing', () => {
    const report = diagnose({ embeddings: cloud, dimension: D });
    expect(report).toMatchObject({ verdict: 'healthy', advice: [], deadShare: 0, badRows: 0 });
    expect(report.effectiveRank).toBeGreaterThan(30);
    expect(Math.abs(report.meanCosine)).toBeLessThan(0.01);
  });

  it('calls a point and a narrow cone collapsed, and a wide cone collapsing', () => {
    const point = diagnose({ embeddings: new Float32Array(50 * D).fill(0.3), dimension: D, entropy: true });
    expect(point).toMatchObject({ verdict: 'collapsed', effectiveRank: 0, entropyRank: 0, deadShare: 1 });
    const cone = (shift: number) => diagnose({ embeddings: cloud.map((x) => x + shift), dimension: D });
    expect(cone(10).verdict).toBe('collapsed');
    expect(cone(10).advice.join(' ')).toMatch(/mean cosine 0\.99.*learning rate.*semi-hard.*proxies/i);
    expect(cone(2.5).verdict).toBe('collapsing');
    expect(cone(0.5).verdict).toBe('healthy');
  });

  it('calls one line collapsed and dead dimensions collapsing', () => {
    const line = cloud.map((x, i) => (i % D === 0 ? 100 * x : x));
    expect(diagnose({ embeddings: line, dimension: D })).toMatchObject({ verdict: 'collapsed' });
    const half = cloud.map((x, i) => (i % D < 20 ? 0 : x));
    const report = diagnose({ embeddings: half, dimension: D });
    expect(report).toMatchObject({ verdict: 'collapsing', deadShare: 20 / D });
    expect(report.advice[0]).toMatch(/63 % of the dimensions hardly vary/);
  });

  it('does not take tight classes for a collapse where it knows how many there are', () => {
    const classes = 8;
    const dimension = 256;
    const centres = gaussian(classes, dimension);
    const embeddings = Float32Array.from(
      { length: 200 * dimension },
      (_, i) => centres[(Math.floor(i / dimension) % classes) * dimension + (i % dimension)]!,
    );
    expect(diagnose({ embeddings, dimension, classes }).verdict).toBe('healthy');
    expect(diagnose({ embeddings, dimension }).verdict).toBe('collapsing');
  });

  it('sees a fall against the start that no absolute threshold shows', () => {
    const before = { effectiveRank: 31, meanCosine: 0 };
    const few = cloud.map((x, i) => x * (i % D < 4 ? 1 : 0.05));
    expect(diagnose({ embeddings: few, dimension: D }).verdict).toBe('healthy');
    const report = diagnose({ embeddings: few, dimension: D, before });
    expect(report.verdict).toBe('collapsing');
    expect(report.advice[0]).toMatch(/was 31\.0 before training/);
    const cone = cloud.map((x) => x + 1.2);
    expect(diagnose({ embeddings: cone, dimension: D }).verdict).toBe('healthy');
    expect(diagnose({ embeddings: cone, dimension: D, before }).verdict).toBe('collapsing');
  });

  it('recognises a loss that sits at its margin', () => {
    const report = diagnose({ embeddings: cloud, dimension: D, loss: 0.2001, margin: 0.2 });
    expect(report.verdict).toBe('collapsing');
    expect(report.advice[0]).toMatch(/sits at its margin/);
    expect(diagnose({ embeddings: cloud, dimension: D, loss: 0.15, margin: 0.2 }).verdict).toBe('healthy');
  });

  it('reports values that are not finite instead of failing on them', () => {
    const some = cloud.slice();
    some[3] = Number.NaN;
    expect(diagnose({ embeddings: some, dimension: D })).toMatchObject({ verdict: 'collapsed', badRows: 1 });
    const all = diagnose({ embeddings: new Float32Array(4 * D).fill(Number.NaN), dimension: D });
    expect(all).toMatchObject({ verdict: 'collapsed', badRows: 4 });
    expect(all.advice[0]).toMatch(/4 of 4 embeddings/);
  });

  it('judges a part of the rows where all would take too long, and comes to the same', () => {
    const dimension = 512;
    const flat = gaussian(3000, dimension);
    const { effectiveRank, meanCosine } = diagnose({ embeddings: flat, dimension });
    expect(Math.abs(meanCosine)).toBeLessThan(0.01);
    // m rows of noise in d dimensions have participation ratio d m / (d + m); m = 1525 here.
    expect(effectiveRank).toBeGreaterThan(370);
    expect(effectiveRank).toBeLessThan(400);
  });

  it('refuses shapes that do not fit', () => {
    expect(() => diagnose({ embeddings: new Float32Array(D), dimension: D })).toThrow(
      /embeddings: expected at least/,
    );
    expect(() => diagnose({ embeddings: cloud, dimension: 0 })).toThrow(/dimension: expected/);
    expect(() => diagnose({ embeddings: cloud, dimension: D, rank: 1 } as never)).toThrow(/"rank"/);
  });
});
