// An experiment on a tiny shop through the real runner: what it refuses, that it goes on where it stopped, and that the report
// says what the results say.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { splitClasses } from '../../../src/dataset/split.ts';
import { plainScores } from '../../../src/metrics/scores.ts';
import { parseCharges } from '../../../training/experiments/charges-schema.ts';
import { readLines } from '../../../training/experiments/lines.ts';
import { curves } from '../../../training/experiments/plots.ts';
import { writeReport } from '../../../training/experiments/report.ts';
import { type Line, runExperiment } from '../../../training/experiments/run.ts';
import { parseExperiment } from '../../../training/experiments/schema.ts';
import { interval } from '../../../training/experiments/statistics.ts';
import { tablesOf } from '../../../training/experiments/summary.ts';
import { splitFolds } from '../../../training/fit/folds.ts';
import { pickRows } from '../../../training/fit/space.ts';
import { prepare } from '../../../training/prepare.ts';
import { scoreEmbeddings } from '../../../training/report/scores.ts';
import { tinyBackbone, tinyShop } from '../../fixtures/tiny-shop.ts';

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'attractor-experiment-'));
  await tinyShop({ folder, classes: 20, each: 6 });
  await tinyBackbone({ directory: join(folder, 'tiny') });
});
afterAll(() => rmSync(folder, { recursive: true }));

const file = {
  title: 'Two methods',
  about: 'Does the runner do what it says?',
  data: [{ name: 'shop', path: 'catalogue.csv', label: 'product_id' }],
  methods: ['lda', 'multi-similarity'],
  splits: [1, 2],
  seeds: [1, 2],
  noise: [
    { kind: 'symmetric', rate: 0 },
    { kind: 'symmetric', rate: 0.3 },
  ],
  dimensions: [8],
  audit: ['auto'],
  trials: 2,
  folds: 2,
  epochs: 2,
};

const run = (out: string, signal?: AbortSignal, onCell?: () => void, change: object = {}) => {
  const parsed = parseExperiment({ ...file, ...change });
  const data = parsed.data.map((one) => ({ ...one, path: join(folder, one.path) }));
  return runExperiment({
    ...{ experiment: { ...parsed, data }, out: join(folder, out), signal, onCell },
    backbone: join(folder, 'tiny'),
    cache: join(folder, 'cache'),
    cpu: () => 0,
  });
};

describe('runExperiment', () => {
  it('ends in the same lines when it is stopped and started again, and runs nothing twice', async () => {
    expect(await run('straight')).toBe(4);
    const stop = new AbortController();
    let cells = 0;
    const stopped = run('resumed', stop.signal, () => {
      if (++cells === 3) stop.abort();
    });
    await expect(stopped).rejects.toMatchObject({ code: 'aborted' });
    expect(readLines<Line>(join(folder, 'resumed'))).toHaveLength(2);
    // A crash in the middle of a write leaves half a line.
    writeFileSync(join(folder, 'resumed/results-1.jsonl'), '{"key":"half', { flag: 'a' });
    expect(await run('resumed')).toBe(2);
    expect(readLines<Line>(join(folder, 'resumed'))).toEqual(readLines<Line>(join(folder, 'straight')));
    expect(await run('resumed')).toBe(0);
  }, 60_000);

  it('makes wrong what trains and nothing that tests, and gives every loss the same trials and seeds', () => {
    const lines = readLines<Line>(join(folder, 'straight'));
    expect(lines.map(({ split, noise }) => [split, noise.rate])).toEqual([
      [1, 0],
      [1, 0.3],
      [2, 0],
      [2, 0.3],
    ]);
    for (const line of lines) {
      expect(line.results.map(({ method, runs }) => [method, runs.length])).toEqual([
        ['frozen', 1],
        ['LDA', 1],
        ['Multi-Similarity', 2],
      ]);
      expect(line.results.map(({ trials }) => trials)).toEqual([0, 2, 2]);
      expect(line.audited!.wrongBefore).toBe(line.noise.rate === 0 ? 0 : 18);
    }
    // The frozen features know no label: the same score whatever noise was planted.
    const frozen = (line: Line) => line.results[0]!.runs[0]!.mapAtR;
    expect(frozen(lines[1]!)).toBe(frozen(lines[0]!));
  });

  it('chooses by what it is judged by: images of other views', async () => {
    const across = parseExperiment({
      ...{ ...file, data: [{ ...file.data[0]!, path: join(folder, 'catalogue.csv'), across: 'view' }] },
      ...{ methods: ['lda'], splits: [1], seeds: [1], noise: undefined, audit: ['off'] },
    });
    const common = { backbone: join(folder, 'tiny'), cache: join(folder, 'cache') };
    await runExperiment({ experiment: across, out: join(folder, 'across'), cpu: () => 0, ...common });
    const [line] = readLines<Line>(join(folder, 'across'));

    const { data, backbone } = await prepare({
      ...{ ...common, data: { path: join(folder, 'catalogue.csv'), label: 'product_id' }, across: 'view' },
    });
    const inputs = backbone.manifest.dimension;
    const seen = pickRows(data, splitClasses({ labels: data.labels, fraction: 0.5, seed: 1 }).kept, inputs);
    const folds = splitFolds({ labels: seen.labels, holdoutClasses: 0.5, folds: 2, seed: 1 });
    const frozen = async (sources: boolean) => {
      let sum = 0;
      for (const { held } of folds) {
        const { features: embeddings, ...rest } = pickRows(seen, held, inputs);
        const among = { labels: rest.labels, sources: sources ? rest.sources : undefined };
        const judged = await scoreEmbeddings({
          ...{ embeddings, ...among, dimension: inputs, scores: plainScores },
        });
        sum += judged.scores.mapAtR.value / folds.length;
      }
      return sum;
    };
    const { validation } = line!.results.find(({ method }) => method === 'frozen')!;
    expect(validation).toBeCloseTo(await frozen(true), 6);
    expect(Math.abs(validation - (await frozen(false)))).toBeGreaterThan(1e-3);
  }, 60_000);

  it('reports the numbers of the lines on one page that asks nobody', async () => {
    const out = join(folder, 'straight');
    const { tables } = await writeReport({ folder: out });
    const page = readFileSync(join(out, 'report.html'), 'utf8');
    const lines = readLines<Line>(out).filter(({ noise }) => noise.rate === 0);
    const values = lines.map(({ results }) => results[1]!.runs[0]!.mapAtR);
    // Of two splits, no interval.
    expect(page).toContain(`<td>${(100 * interval(values).mean).toFixed(1)}</td>`);
    expect(page).not.toMatch(/(?:src|href)="(?!data:)/);
    expect(page).toContain('data:image/jpeg;base64,');
    expect(page.match(/<svg/g)!.length).toBeGreaterThanOrEqual(2);
    expect(tables[0]!.verdict).toMatch(/right labels: .* is on top/);
    const summary = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8')) as { tables: object[] };
    expect(summary.tables[0]).toMatchObject({ columns: ['right labels', '30 % symmetric noise'] });
    await expect(writeReport({ folder })).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  it('reports the cells of the file as it is, and says how many others there are', async () => {
    const out = join(folder, 'edited');
    const small = { methods: ['lda'], splits: [1], seeds: [1], noise: undefined, audit: ['off'], trials: 1 };
    for (const change of [{}, { trials: 2 }, { trials: 2, epochs: 1 }]) {
      expect(await run('edited', undefined, undefined, { ...small, ...change })).toBe(1);
    }
    const { tables, note } = await writeReport({ folder: out });
    expect(tables.map(({ verdict }) => verdict)).toEqual([expect.stringContaining('(1 split, ')]);
    expect(note).toBe(
      '2 cells of other settings lie in the folder, as the file was edited since, and are left out.',
    );
    expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain(note);
    // Back to what it was: nothing is run again.
    expect(await run('edited', undefined, undefined, small)).toBe(0);
    const json = JSON.parse(readFileSync(join(out, 'experiment.json'), 'utf8')) as object;
    writeFileSync(join(out, 'experiment.json'), JSON.stringify({ ...json, folds: 1 }));
    await expect(writeReport({ folder: out })).rejects.toThrow(
      /has no results of the experiment: 3 cells of/,
    );
    // Another key would have finished cells run again.
    expect(readLines<Line>(out)[0]!.key).toBe('aff54836e243b7f3');
  }, 60_000);
});

describe('parseExperiment', () => {
  it.each([
    ['methods', { methods: ['lda', 'hinge'] }, /methods: expected some of pca.*, received "hinge"/],
    ['auto, which is no method', { methods: ['auto'] }, /methods: expected some of .*what auto takes/],
    [
      'unknown keys',
      { lossses: 'red' },
      /^experiment: expected some of the fields title, about, data, methods, .*, received "lossses"$/,
    ],
    [
      'a misspelt key as such, not as one that is missing',
      { data: [{ name: 'shop', path: 'a.csv', lable: 'x' }] },
      /^experiment\.data\.0: expected some of the fields name, path, label, across, received "lable"$/,
    ],
    [
      'unknown keys of what may be left out',
      { fineTune: { tran: 'last:1' } },
      /^experiment\.fineTune: expected some of the fields train, losses, .*, received "tran"$/,
    ],
    [
      'a kind that there is not',
      { kind: 'chargs' },
      /^experiment\.kind: expected "charges", or none where methods race, received "chargs"$/,
    ],
    ['no method at all', { methods: [] }, /methods: expected one method or variant/],
    [
      'unequal budgets',
      { variants: [{ title: 'v', loss: 'pfml', options: {} }] },
      /trials: expected 1 where losses stand beside variants/,
    ],
    ['a noise that is not one', { noise: [{ kind: 'loud', rate: 0.1 }] }, /noise\.0\.kind/],
    [
      'fine-tuning what does not race',
      { fineTune: { train: 'last:1', losses: ['pfml'], splits: [1] } },
      /fineTune.losses: expected losses among the methods/,
    ],
  ])('refuses %s', (_, change, message) => {
    expect(() => parseExperiment({ ...file, ...change })).toThrow(message);
  });

  it('has its fields in docs/experiments.md', () => {
    const docs = readFileSync(new URL('../../../docs/experiments.md', import.meta.url), 'utf8');
    for (const parse of [parseExperiment, (json: object) => parseCharges({ ...json, kind: 'charges' })]) {
      let message = '';
      try {
        parse({ nothing: 1 });
      } catch (error) {
        message = (error as Error).message;
      }
      const fields = /some of the fields (.*), received/.exec(message)![1]!.split(', ');
      expect(fields.length).toBeGreaterThan(10);
      for (const field of fields) if (field !== 'kind') expect(docs).toContain(`\`${field}\``);
    }
  });

  it.each(['compare', 'noise', 'size', 'alpha', 'delta', 'proxies', 'fine-tune'])(
    '%s.json is one',
    (name) => {
      const url = new URL(`../../../training/experiments/${name}.json`, import.meta.url);
      const experiment = parseExperiment(JSON.parse(readFileSync(url, 'utf8')));
      expect(experiment.seeds.length).toBeGreaterThanOrEqual(5);
      expect(experiment.splits.length).toBeGreaterThanOrEqual(3);
    },
  );
});

const line = (split: number, scores: Readonly<Record<string, number>>, winner = 'B'): Line => ({
  ...{ key: `${split}`, data: 'shop', split, noise: { kind: 'symmetric', rate: 0 }, dimension: 8 },
  ...{ audit: 'off', winner, cpuSeconds: 1 },
  results: Object.entries(scores).map(([method, mapAtR]) => ({
    ...{ method, dimension: 8, trials: 1, chosen: { epoch: method === 'C' ? split - 1 : 1 }, validation: 0 },
    runs: [{ seed: 1, recallAt1: 0, rPrecision: 0, mapAtR }],
  })),
});

it('plots the frozen backbone too, and intervals of what is added to it', async () => {
  const wrong = (one: Line): Line => ({ ...one, noise: { kind: 'symmetric', rate: 0.2 } });
  const lines = [0.5, 0.6, 0.7].map((x, i) => line(i + 1, { frozen: x, B: x + 0.1 + i / 100 }));
  const bars = async (some: readonly Line[]) => {
    const svg = await curves(some);
    expect(svg).toContain('>frozen</text>');
    return svg.match(/class="mark-rule role-mark[^>]*>(.*?)<\/g>/s)![1]!.match(/<line/g)?.length ?? 0;
  };
  for (const add of [(some: readonly Line[]) => some.map(wrong), () => []]) {
    const both = (some: readonly Line[]) => [...some, ...add(some)];
    expect([await bars(both(lines)), await bars(both(lines.slice(0, 2)))]).toEqual([
      both([lines[0]!]).length,
      0,
    ]);
  }
});

describe('statistics', () => {
  it("are Student's", () => {
    // Mean 2, sd 1, n 3: 4.303 / √3.
    expect(interval([1, 2, 3])).toEqual({ mean: 2, half: expect.closeTo(4.303 / Math.sqrt(3), 9), count: 3 });
    expect(interval([5, 7])).toMatchObject({ mean: 6, half: Number.NaN });
  });

  it('a method is level with the best where the paired difference over the splits does not tell them apart', () => {
    // A is 0.10 above C everywhere, and 0.01 above B on average but not always.
    const last = { A: 0.7, B: 0.67, C: 0.6 };
    const lines = [line(1, { A: 0.5, B: 0.48, C: 0.4 }), line(2, { A: 0.6, B: 0.62, C: 0.5 }), line(3, last)];
    const [table] = tablesOf(lines);
    expect(table!.rows.map(({ method, level }) => [method, level[0]])).toEqual([
      ['A', true],
      ['B', true],
      ['C', false],
      ['auto', true],
    ]);
    expect(table!.verdict).toMatch(
      /A is on top by 1\.00 ± .* over B .*auto chose B in every split and is 1\.00/,
    );
    const [mixed] = tablesOf([line(3, last, 'C'), ...lines.slice(0, 2)]);
    expect(mixed!.verdict).toContain('auto chose B in splits 1 and 2, C in split 3, and is');
    // C is its start in the first split.
    expect(table!.rows.map(({ starts }) => starts)).toEqual([[0], [0], [1], [0]]);
    expect(table!.text).toMatch(
      /^C .* 50\.0 ± \S+ {2}°$[\s\S]*^\*: the best of its column .*\n°: .* a PLDA/m,
    );
    const results = lines.map(({ results: heads, ...rest }) => ({
      ...rest,
      results: [
        ...heads,
        {
          ...heads[0]!,
          method: 'A, last:2',
          tuned: true as const,
          runs: [{ ...heads[0]!.runs[0]!, mapAtR: 0.9 }],
        },
      ],
    }));
    expect(tablesOf(results)[0]!.verdict).toMatch(
      /A, last:2 is on top by .* over A .*auto chose B in every split and is 1\.00 ± \S+ below the best head, A\./,
    );
    const [two] = tablesOf(lines.slice(0, 2));
    expect(two!.text).not.toContain('±');
  });
});
