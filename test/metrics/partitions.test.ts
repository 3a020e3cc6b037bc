import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRng } from '../../src/math/rng.ts';
import { partitionAgreement } from '../../src/metrics/partitions.ts';

const list = (n: number, of: (i: number) => number) => Array.from({ length: n }, (_, i) => of(i));

describe('partitionAgreement', () => {
  // scikit-learn 1.2.1: normalized_mutual_info_score and adjusted_mutual_info_score with their defaults.
  it.each([
    [[0, 0, 1, 1, 2, 2], [0, 0, 1, 2, 2, 2], 0.7396673768007591, 0.5023607027202736],
    [[0, 0, 0, 1, 1, 1], [0, 1, 0, 1, 0, 1], 0.08170416594551082, -0.11111111111111109],
    [[0, 1, 2, 3, 4, 5], [0, 0, 0, 0, 0, 0], 0, 0],
    [[0, 0, 1, 1], [0, 1, 2, 3], 0.6666666666666666, 0],
    [list(100, (i) => i % 7), list(100, (i) => (i * i) % 11), 0.01759412396883333, -0.08366149255909565],
    [
      list(200, (i) => Math.floor(i / 10)),
      list(200, (i) => Math.floor((i + 3) / 10)),
      0.8021946440384945,
      0.7064835661833617,
    ],
    [
      list(2000, (i) => i % 50),
      list(2000, (i) => Math.floor((i * i) / 7) % 61),
      0.1702034133867517,
      -0.017966207710092996,
    ],
  ])('agrees with scikit-learn (%#)', (a, b, nmi, ami) => {
    const measured = partitionAgreement({ a, b });
    expect(measured.nmi).toBeCloseTo(nmi, 10);
    expect(measured.ami).toBeCloseTo(ami, 10);
  });

  it('is symmetric, blind to the names of the parts, and 1 for equal partitions', () => {
    const parts = fc.array(fc.tuple(fc.nat({ max: 4 }), fc.nat({ max: 4 })), { minLength: 2, maxLength: 40 });
    fc.assert(
      fc.property(parts, (pairs) => {
        const a = pairs.map(([x]) => x);
        const b = pairs.map(([, y]) => y);
        const one = partitionAgreement({ a, b });
        const other = partitionAgreement({ a: b.map((y) => `part ${9 - y}`), b: a });
        expect(other.nmi).toBeCloseTo(one.nmi, 10);
        if (Number.isFinite(one.ami)) expect(other.ami).toBeCloseTo(one.ami, 6);
        expect(partitionAgreement({ a, b: a }).nmi).toBeCloseTo(1, 10);
        expect(partitionAgreement({ a, b: a }).ami).toBeCloseTo(1, 6);
      }),
    );
  });

  it('gives random partitions an AMI of 0 on average, where NMI rises with the number of parts', () => {
    const rng = createRng(3);
    const draw = (k: number) => list(300, () => rng.int(k));
    const runs = list(40, () => partitionAgreement({ a: draw(60), b: draw(60) }).ami);
    expect(runs.reduce((sum, x) => sum + x, 0) / runs.length).toBeCloseTo(0, 1.5);
    expect(partitionAgreement({ a: draw(60), b: draw(60) }).nmi).toBeGreaterThan(0.5);
  });

  it('refuses lengths that do not fit', () => {
    expect(() => partitionAgreement({ a: [], b: [] })).toThrow(/a: expected at least one/);
    expect(() => partitionAgreement({ a: [1], b: [1, 2] })).toThrow(/b: expected 1 values/);
  });
});
