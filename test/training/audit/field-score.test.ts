// Label scores against their formula, and against labels that were made wrong on purpose.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRng, type Rng } from '../../../src/math/rng.ts';
import { fieldScores } from '../../../training/audit/field-score.ts';
import { fieldScoresReference } from '../../reference/field-score.ts';
import { unit } from '../../reference/potential-field.ts';

const normals = (rng: Rng, count: number) => Array.from({ length: count }, () => rng.normal());
const flat = (rows: readonly (readonly number[])[]) => Float32Array.from(rows.flat());

test('is the sum over the other members, one pair at a time', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        seed: fc.nat(),
        samples: fc.integer({ min: 1, max: 40 }),
        classes: fc.integer({ min: 1, max: 6 }),
        radius: fc.constantFrom(0.25, 0.5, 2),
      }),
      async ({ seed, samples, classes, radius }) => {
        const rng = createRng(seed);
        const dimension = 3;
        const rows = Array.from({ length: samples }, () => unit(normals(rng, dimension)));
        if (samples > 2) rows[1] = rows[0]!;
        const labels = rows.map(() => rng.int(classes));
        const others = rows.map(() => rng.int(classes));
        const got = await fieldScores({
          embeddings: flat(rows),
          labels: Int32Array.from(labels),
          charges: Int32Array.from(labels),
          strangers: Int32Array.from(others),
          ...{ classes, dimension, radius, threads: 1 },
        });
        const expected = fieldScoresReference(rows, labels, classes, radius);
        const near = (a: number, b: number) => expect(Math.abs(a - b)).toBeLessThan(2e-4 * Math.max(1, b));
        for (const [i, one] of expected.entries()) {
          near(got.own[i]!, one.own);
          near(got.share[i]!, one.share);
          near(got.strangerShare[i]!, one.shares[others[i]!]!);
          near(got.bestField[i]!, one.bestField);
          // Fields that are equal but for rounding may be named either way.
          expect(got.best[i] === -1).toBe(one.best === -1);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('is the same for any block of rows', async () => {
  const rng = createRng(5);
  const [samples, dimension, classes] = [1100, 4, 7];
  const rows = Array.from({ length: samples }, () => unit(normals(rng, dimension)));
  const labels = rows.map(() => rng.int(classes));
  const options = { classes, dimension, radius: 0.3, threads: 1 };
  const steps: number[] = [];
  const got = await fieldScores({
    ...options,
    embeddings: flat(rows),
    labels: Int32Array.from(labels),
    onProgress: ({ done }) => steps.push(done),
  });
  expect(steps).toEqual([512, 1024, 1100]);
  const expected = fieldScoresReference(rows, labels, classes, 0.3);
  for (const i of [0, 511, 512, 1023, 1024, 1099]) {
    expect(got.own[i]! / expected[i]!.own).toBeCloseTo(1, 4);
    expect(got.best[i]).toBe(expected[i]!.best);
  }
});

test('tells wrong labels from right ones and names the class they came from', async () => {
  const rng = createRng(3);
  const [classes, each, dimension] = [20, 10, 16];
  const centres = Array.from({ length: classes }, () => unit(normals(rng, dimension)));
  const truth = Array.from({ length: classes * each }, (_, i) => Math.floor(i / each));
  const rows = truth.map((label) => unit(centres[label]!.map((x) => x + 0.1 * rng.normal())));
  const wrong = truth.map((_, i) => i % 5 === 0);
  const labels = truth.map((label, i) => (wrong[i] ? (label + 1 + rng.int(classes - 1)) % classes : label));
  const { share, best } = await fieldScores({
    embeddings: flat(rows),
    labels: Int32Array.from(labels),
    ...{ classes, dimension },
  });
  const shares = (of: boolean) => truth.flatMap((_, i) => (wrong[i] === of ? [share[i]!] : []));
  expect(Math.max(...shares(true))).toBeLessThan(Math.min(...shares(false)));
  expect(truth.every((label, i) => !wrong[i] || best[i] === label)).toBe(true);
});

describe('what does not fit is refused', () => {
  const good = {
    embeddings: Float32Array.of(1, 0, 0, 1),
    labels: Int32Array.of(0, 1),
    ...{ classes: 2, dimension: 2 },
  };
  test.each([
    ['radius', { radius: 0.1 }],
    ['radius', { radius: Number.NaN }],
    ['labels[1]', { labels: Int32Array.of(0, 2) }],
    ['strangers[0]', { strangers: Int32Array.of(-1, 0) }],
    ['strangers', { strangers: Int32Array.of(0) }],
    ['embeddings', { embeddings: new Float32Array(3) }],
    ['embeddings row 1', { embeddings: Float32Array.of(1, 0, 2, 0) }],
    ['labels', { labels: new Int32Array(0), embeddings: new Float32Array(0) }],
  ])('%s', async (field, change) => {
    await expect(fieldScores({ ...good, ...change })).rejects.toMatchObject({
      code: 'invalid_argument',
      field,
    });
  });

  test('an unknown option, and a run that is stopped', async () => {
    await expect(fieldScores({ ...good, power: 2 } as never)).rejects.toMatchObject({
      code: 'unknown_option',
    });
    await expect(fieldScores({ ...good, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'aborted',
    });
  });
});
