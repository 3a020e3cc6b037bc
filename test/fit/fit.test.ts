import { afterAll, describe, expect, it } from 'vitest';
import { createRng } from '../../src/math/rng.ts';
import { normaliseRows } from '../../training/baselines/linear-map.ts';
import { createMatmul } from '../../training/baselines/matmul.ts';
import { chooseClosedForms } from '../../training/fit/closed-forms.ts';
import { evaluateHeads } from '../../training/fit/evaluate.ts';
import { fitHeads, pickRows } from '../../training/fit/fit.ts';
import { createJudge, type Labelled, openSpace } from '../../training/fit/space.ts';
import { retrain, trainFromBestStart } from '../../training/fit/trained-head.ts';
import { potentialField } from '../../training/losses/potential-field.ts';

const matmul = createMatmul();
afterAll(() => matmul.release());

const INPUTS = 40;
const recipe = { loss: potentialField(), seed: 3, epochs: 6, classesPerBatch: 8 };

/** 60 classes of 6: their means differ in 10 directions, louder noise lies in the others. */
const all: Labelled = (() => {
  const rng = createRng(4);
  const [classes, each] = [60, 6];
  const means = Float32Array.from({ length: classes * 10 }, () => rng.normal());
  const features = new Float32Array(classes * each * INPUTS);
  const labels: string[] = [];
  for (let i = 0; i < classes * each; i++) {
    const c = i % classes;
    labels.push(`c${c}`);
    for (let d = 0; d < INPUTS; d++) {
      features[i * INPUTS + d] = d < 10 ? means[c * 10 + d]! + 0.4 * rng.normal() : 1.2 * rng.normal();
    }
  }
  return { features: normaliseRows(features, INPUTS), labels };
})();
const isSeen = (label: string) => Number(label.slice(1)) < 40;
const rowsWhere = (keep: (label: string) => boolean) =>
  pickRows(
    all,
    all.labels.flatMap((label, i) => (keep(label) ? [i] : [])),
    INPUTS,
  );
const seen = rowsWhere(isSeen);
const unseen = rowsWhere((label) => !isSeen(label));

const run = (options: Partial<Parameters<typeof fitHeads>[0]> = {}) =>
  fitHeads({
    data: seen,
    inputs: INPUTS,
    dimension: 10,
    holdoutClasses: 0.25,
    refit: true,
    recipe,
    matmul,
    ...options,
  });

describe('fitHeads', () => {
  it('fits heads that carry over to classes that nothing has seen', async () => {
    const { heads, validation } = await run();
    const results = await evaluateHeads({ heads, data: unseen, inputs: INPUTS, matmul });
    expect(results.map(({ method, dimension }) => [method, dimension])).toEqual([
      ['frozen', 40],
      ['PCA', 10],
      ['LDA', 10],
      ['whitening', 40],
      ['PFML', 10],
    ]);
    expect(validation.map(({ method }) => method)).toEqual(results.map(({ method }) => method));
    const [frozen, , lda, , pfml] = results.map(({ scores }) => scores.mapAtR.value);
    expect(lda).toBeGreaterThan(frozen! + 0.2);
    expect(pfml).toBeGreaterThan(frozen! + 0.2);
    expect(validation[0]!.scores.queries).toBe(10 * 6);
    expect(results[0]!.scores.queries).toBe(20 * 6);
  });

  it('gives the same bits for the same seed, and other validation classes for another', async () => {
    const [first, second] = [await run(), await run()];
    expect(second).toEqual(first);
    const other = await run({ recipe: { ...recipe, seed: 4 } });
    expect(other.validation[0]!.scores).not.toEqual(first.validation[0]!.scores);
  });

  it('keeps the validation classes out of everything but the choices unless it refits', async () => {
    const plain = await run({ refit: false });
    const refitted = await run({ refit: true });
    expect(refitted.validation).toEqual(plain.validation);
    expect(refitted.heads[0]!.map.mean).not.toEqual(plain.heads[0]!.map.mean);
  });

  it('refuses lengths that the data cannot fill, and shares that leave a side empty', async () => {
    await expect(run({ dimension: 41 })).rejects.toThrow(/dimension: expected 1 to 40 for this data set/);
    await expect(run({ holdoutClasses: 0.01 })).rejects.toThrow(/fraction: expected/);
  });
});

describe('retrain', () => {
  it('repeats the chosen training to the bit where the space is the same', async () => {
    const space = await openSpace({ data: seen, inputs: INPUTS, matmul });
    const judge = await createJudge({ space, data: unseen, matmul });
    const forms = await chooseClosedForms({ space, dimension: 10, judge, matmul });
    for (const start of [forms.pca, forms.lda]) {
      const candidate = await trainFromBestStart({ space, starts: [start], judge, recipe });
      if (start === forms.pca) expect(candidate.epoch).toBeGreaterThan(0);
      expect(await retrain({ space, candidate, recipe })).toEqual(candidate.head);
    }
  });
});
