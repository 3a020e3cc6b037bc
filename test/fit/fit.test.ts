import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { createRng } from '../../src/math/rng.ts';
import { createMatmul } from '../../training/baselines/matmul.ts';
import { closedFormTrials } from '../../training/fit/closed-forms.ts';
import { evaluateHeads } from '../../training/fit/evaluate.ts';
import { type FitOptions, fitHeads } from '../../training/fit/fit.ts';
import { defaultHoldout, splitFolds } from '../../training/fit/folds.ts';
import { createJudge, type Labelled, openSpace, type Projection } from '../../training/fit/space.ts';
import { trainedTrials } from '../../training/fit/trained-head.ts';
import type { Trial } from '../../training/fit/trial.ts';
import { potentialField } from '../../training/losses/potential-field.ts';
import { clouds, INPUTS, mislabelled, part } from './clouds.ts';

const matmul = createMatmul();
afterAll(() => matmul.release());

const all = clouds({ classes: 60, each: 6, seed: 4 });
const seen = part(all, (label) => label < 40);
const unseen = part(all, (label) => label >= 40);

const DIMENSION = 10;
const pfml = (count: number) =>
  trainedTrials({
    method: 'PFML',
    losses: [
      { settings: {}, loss: potentialField() },
      { settings: { deltaRepulsion: 0.9 }, loss: potentialField({ deltaRepulsion: 0.9 }) },
    ],
    ...{ dimension: DIMENSION, count, epochs: 4, classesPerBatch: 8, matmul },
  });
const form = (name: 'PCA' | 'LDA' | 'whitening', count = 2) =>
  closedFormTrials({ form: name, dimension: DIMENSION, count, matmul });

const DEFAULTS: Omit<FitOptions, 'methods'> = {
  data: seen,
  inputs: INPUTS,
  dimension: DIMENSION,
  holdoutClasses: 0.25,
  folds: 2,
  audit: 'off',
  refit: true,
  run: { seed: 3 },
  matmul,
};
type Trials = ReturnType<FitOptions['methods']>;
const run = ({ methods, ...options }: Partial<Omit<FitOptions, 'methods'>> & { methods?: Trials } = {}) =>
  fitHeads({
    ...DEFAULTS,
    methods: () => methods ?? [form('PCA'), form('LDA'), form('whitening'), pfml(2)],
    ...options,
  });

describe('fitHeads', () => {
  it('fits heads that carry over to classes that nothing has seen', async () => {
    const { heads, validation, winner, margins } = await run();
    const results = await evaluateHeads({ heads, data: unseen, inputs: INPUTS, matmul });
    expect(results.map(({ method, dimension }) => [method, dimension])).toEqual([
      ['frozen', 40],
      ['PCA', 10],
      ['LDA', 10],
      ['whitening', 40],
      ['PFML', 10],
    ]);
    expect(validation.map(({ method }) => method)).toEqual(results.map(({ method }) => method));
    const [frozen, , lda, , trained] = results.map(({ scores }) => scores.mapAtR.value);
    expect(lda).toBeGreaterThan(frozen! + 0.2);
    expect(trained).toBeGreaterThan(frozen! + 0.2);
    // Two folds of ten classes of six.
    for (const { scores } of validation) expect(scores.queries).toBe(2 * 10 * 6);
    // Whitening keeps all 40 directions; it is shown, and does not win among lengths of 10.
    const asked = validation.filter(({ dimension }) => dimension === DIMENSION);
    const best = asked.reduce((a, b) => (b.scores.mapAtR.value > a.scores.mapAtR.value ? b : a));
    expect(winner).toBe(best.method);
    const rivals = asked.map(({ method }) => method).filter((method) => method !== winner);
    expect(margins.map(({ method }) => method).sort()).toEqual(rivals.sort());
    for (const { method, margin } of margins) {
      const other = validation.find((one) => one.method === method)!;
      expect(margin.difference).toBeCloseTo(best.scores.mapAtR.value - other.scores.mapAtR.value, 9);
      expect(margin.low).toBeLessThanOrEqual(margin.difference);
      expect(margin.high).toBeGreaterThanOrEqual(margin.difference);
    }
  });

  it('has the backbone go on from the best closed form of those lengths that may win', async () => {
    const methods = [form('PCA'), form('LDA'), form('whitening'), pfml(1)];
    for (const anyLength of [true, false]) {
      const { start, validation } = await run({ methods, anyLength });
      const solved = validation.slice(1, anyLength ? 4 : 3);
      const best = Math.max(...solved.map(({ scores }) => scores.mapAtR.value));
      expect(solved.find(({ method }) => method === start)!.scores.mapAtR.value).toBe(best);
    }
    expect((await run({ methods: [pfml(1)] })).start).toBeUndefined();
  });

  it('has more than a fifth of few classes validate, unless a share is asked for', async () => {
    const methods = [form('LDA')];
    expect((await run({ methods, holdoutClasses: undefined })).holdoutClasses).toBe(0.5);
    expect((await run({ methods })).holdoutClasses).toBe(0.25);
  });

  it('gives the same bits for the same seed, and other validation classes for another', async () => {
    const facts = ({ loss: _, fitAgain: __, ...rest }: Awaited<ReturnType<typeof run>>) => rest;
    const [first, second] = [await run(), await run()];
    expect(facts(second)).toEqual(facts(first));
    const other = await run({ run: { seed: 4 } });
    expect(other.validation[0]!.scores).not.toEqual(first.validation[0]!.scores);
  });

  it('trains heads on other views of the rows too, and nothing else', async () => {
    const rng = createRng(1);
    const views = [seen.features.map((x) => x + 0.02 * rng.normal())];
    const open = (data: Labelled) => openSpace({ data, inputs: INPUTS, matmul });
    const [plain, viewed] = [await open(seen), await open({ ...seen, views })];
    for (const trial of [...form('PCA'), ...form('LDA'), ...form('whitening'), ...pfml(2)]) {
      // After two epochs: the start is the same.
      const same = isDeepStrictEqual(
        await trial.fit(viewed, 2, { seed: 3 }),
        await trial.fit(plain, 2, { seed: 3 }),
      );
      expect([trial.method, same]).toEqual([trial.method, trial.loss === undefined]);
    }
  });

  it('stopped in the middle of the race and resumed, it tries nothing twice and ends in the same bits', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'attractor-race-'));
    try {
      let explored = 0;
      const counted = (trials: Trial[]): Trial[] =>
        trials.map((trial) => ({
          ...trial,
          explore: (...args: Parameters<Trial['explore']>) => {
            explored++;
            return trial.explore(...args);
          },
        }));
      const methods = [form('LDA'), form('whitening'), pfml(2)].map(counted);
      const facts = ({ loss: _, fitAgain: __, ...rest }: Awaited<ReturnType<typeof run>>) => rest;
      const straight = facts(await run({ methods }));
      const all = explored;
      const stop = new AbortController();
      const stopped = run({
        methods,
        run: { seed: 3, run: folder, signal: stop.signal },
        onProgress: ({ phase, done }) => phase === 'PFML' && done === 9 && stop.abort(),
      });
      await expect(stopped).rejects.toThrow(/aborted/);
      // A crash leaves half a line, a bad disk another one.
      const file = join(folder, 'race.jsonl');
      const lines = readFileSync(file, 'utf8').trim().split('\n');
      expect(lines).toHaveLength(1 + 9);
      lines[3] = lines[3]!.replace('"scores', '"scoreZ');
      writeFileSync(file, [...lines, '{"key":"ha'].join('\n'));
      explored = 0;
      expect(facts(await run({ methods, run: { seed: 3, run: folder, resume: true } }))).toEqual(straight);
      expect(explored).toBe(all - 8);
      explored = 0;
      const other = await run({
        methods: [counted(form('LDA'))],
        run: { seed: 4, run: folder, resume: true },
      });
      expect(explored).toBe(4);
      expect(other.validation[1]!.scores).not.toEqual(straight.validation[1]!.scores);
      explored = 0;
      await run({ methods, run: { seed: 3, run: folder } });
      expect(explored).toBe(all);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('keeps the validation classes out of everything but the choices unless it refits', async () => {
    const plain = await run({ refit: false });
    const refitted = await run();
    expect(refitted.validation).toEqual(plain.validation);
    expect(refitted.heads[0]!.map.mean).not.toEqual(plain.heads[0]!.map.mean);
  });

  it('audits wrong labels, says that it helped, and comes near the heads of right labels', async () => {
    const easy = clouds({ classes: 60, each: 8, seed: 4, spread: [0.2, 0.4] });
    const data = part(easy, (label) => label < 40);
    const others = part(easy, (label) => label >= 40);
    const { labels, wrong } = mislabelled(data.labels, 0.3, 1);
    const noisy = { features: data.features, labels };
    const methods = [form('LDA')];
    const score = async (options: Partial<Omit<FitOptions, 'methods'>>) => {
      const fit = await run({ data, methods, ...options });
      const results = await evaluateHeads({ heads: fit.heads, data: others, inputs: INPUTS, matmul });
      return { audit: fit.audit, mapAtR: results[1]!.scores.mapAtR.value };
    };
    const clean = await score({});
    const blind = await score({ data: noisy });
    const audited = await score({ data: noisy, audit: 'auto' });
    expect(audited.audit).toMatchObject({ used: true });
    const right = audited.audit!.labels.filter((label, row) => label === data.labels[row]).length;
    expect(right).toBeGreaterThan(data.labels.length - wrong.size);
    expect(clean.mapAtR - audited.mapAtR).toBeLessThan((clean.mapAtR - blind.mapAtR) / 2);
  });

  it('fits what few data can fill where nobody asked for a length', async () => {
    const asked: number[] = [];
    const lda = (dimension: number) => {
      asked.push(dimension);
      return [closedFormTrials({ form: 'LDA', dimension, count: 1, matmul })];
    };
    const fit = await fitHeads({ ...DEFAULTS, methods: lda, dimension: 256, anyLength: true });
    expect([asked, fit.heads[0]!.map.outputs]).toEqual([[40], 40]);
  });

  it('refuses lengths that the data cannot fill, and shares that leave a side empty', async () => {
    await expect(run({ dimension: 41 })).rejects.toThrow(/dimension: expected 1 to 40 for this data set/);
    await expect(run({ holdoutClasses: 0.01 })).rejects.toThrow(/holdoutClasses: expected/);
  });
});

describe('trials', () => {
  it('of a loss are its settings, as many as are asked for', () => {
    expect(pfml(2).map(({ settings }) => settings.deltaRepulsion)).toEqual([undefined, 0.9]);
    expect(pfml(1)).toHaveLength(1);
  });

  it('repeat the chosen training to the bit where the space is the same', async () => {
    const space = await openSpace({ data: seen, inputs: INPUTS, matmul });
    const judge = await createJudge({ space, data: unseen, matmul });
    for (const trial of pfml(2)) {
      const points: Projection[] = [];
      await trial.explore(
        space,
        (projection) => {
          points.push(projection);
          return judge(projection);
        },
        { seed: 3 },
      );
      expect(points).toHaveLength(5);
      for (const point of [0, 2, 4]) {
        let last: { step: number; steps: number } | undefined;
        const onStep = (progress: typeof last) => {
          last = progress;
        };
        expect((await trial.fit(space, point, { seed: 3, onStep })).data).toEqual(points[point]!.data);
        expect(last!.step).toBe(last!.steps);
      }
    }
  });
});

describe('splitFolds', () => {
  const labels = all.labels;
  const options = { labels, holdoutClasses: 0.3, seed: 1 };

  it('holds out every class at most once, the same number each time', () => {
    const folds = splitFolds({ ...options, folds: 9 });
    expect(folds).toHaveLength(3);
    const held = folds.map((fold) => new Set(fold.held.map((row) => labels[row]!)));
    expect(held.map(({ size }) => size)).toEqual([18, 18, 18]);
    expect(new Set(held.flatMap((classes) => [...classes])).size).toBe(54);
    for (const { kept, held } of folds) {
      expect([...kept, ...held].sort((a, b) => a - b)).toEqual([...labels.keys()]);
      const classes = new Set(held.map((row) => labels[row]));
      expect(kept.some((row) => classes.has(labels[row]))).toBe(false);
    }
  });

  it('holds out all that is left on the last fold', () => {
    const folds = splitFolds({ ...options, holdoutClasses: 0.5, folds: 3 });
    expect(folds.map(({ held }) => new Set(held.map((row) => labels[row])).size)).toEqual([30, 30]);
    expect([...folds[1]!.held].sort((a, b) => a - b)).toEqual(folds[0]!.kept);
  });

  it('has at least twenty classes validate where half of them are, a fifth of many', () => {
    expect([10, 40, 50, 100, 1000].map(defaultHoldout)).toEqual([0.5, 0.5, 0.4, 0.2, 0.2]);
  });
});
