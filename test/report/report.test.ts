import { describe, expect, it } from 'vitest';
import { modelManifest } from '../../src/model/manifest.ts';
import { resolveRecipe } from '../../training/recipe.ts';
import { auditCsv, readKept } from '../../training/report/audit-list.ts';
import {
  marginLines,
  modelCard,
  provenance,
  quality,
  type RunFacts,
  tuneLines,
} from '../../training/report/card.ts';
import {
  alignedTable,
  comparisonRows,
  type MethodScores,
  markdownTable,
  percent,
  scoreRows,
  startLines,
} from '../../training/report/scores.ts';

const result = (method: string, mapAtR: number, dimension = 128): MethodScores => ({
  method,
  dimension,
  scores: {
    recallAt1: { value: 0.875 },
    rPrecision: { value: 0.7 },
    mapAtR: { value: mapAtR },
    queries: 90,
    lone: 2,
  },
});

const facts: RunFacts = {
  name: 'shop',
  date: '2026-01-31',
  dataset: { name: 'catalogue.csv', label: 'product_id', where: ['view=0,1'] },
  images: 450,
  classes: 45,
  backbone: { name: 'inception-v3', fingerprint: `sha256:${'a'.repeat(64)}` },
  recipe: resolveRecipe({ seed: 7 }),
  holdoutClasses: 0.2,
  ownSplit: false,
  views: 1,
  testClasses: 0.125,
  method: 'PFML',
  dimension: 128,
  chosen: { deltaRepulsion: 0.9, start: 'LDA', epoch: 4 },
  validation: [result('frozen', 0.5, 2048), result('PFML', 0.6)],
  test: [result('frozen', 0.4, 2048), result('PFML', 0.55)],
  winner: 'PFML',
  margins: [
    { method: 'LDA', margin: { difference: 0.012, low: -0.004, high: 0.03, probabilityAbove0: 0.91 } },
  ],
  audit: {
    used: true,
    gain: { difference: 0.01, low: 0.002, high: 0.02, probabilityAbove0: 0.99 },
    relabelled: 12,
    dropped: 30,
  },
};

const PARITY = { images: 32, difference: 6e-8, cosine: 1 };

describe('score tables', () => {
  it('print per cent, with the bounds of ties only where they matter', () => {
    expect(percent({ value: 0.8349 })).toBe('83.5');
    expect(percent({ value: 0.5, bounds: { pessimistic: 0, optimistic: 1 } })).toBe('50.0 (0.0 to 100.0)');
    expect(percent({ value: 0.5, bounds: { pessimistic: 0.49999, optimistic: 0.50001 } })).toBe('50.0');
  });

  it('align for a terminal and mark up for a card', () => {
    const rows = scoreRows([result('frozen', 0.5, 2048)]);
    expect(alignedTable(rows)).toBe(
      ['method   length    R@1   R-Precision   MAP@R', 'frozen     2048   87.5          70.0    50.0'].join(
        '\n',
      ),
    );
    expect(markdownTable(rows).split('\n')[1]).toBe('| --- | ---: | ---: | ---: | ---: |');
  });

  it('give mean and sample standard deviation over runs, and the gain within each run', () => {
    const rows = comparisonRows([
      [result('frozen', 0.5, 2048), result('PFML', 0.53)],
      [result('frozen', 0.6, 2048), result('PFML', 0.65)],
    ]);
    expect(rows[1]!.slice(4)).toEqual(['55.0 ± 7.1', '']);
    expect(rows[2]!.slice(4)).toEqual(['59.0 ± 8.5', '+4.0 ± 1.4']);
  });

  it('say where a method is its start under another name', () => {
    const start = { ...result('PFML', 0.6), atStart: true };
    expect(scoreRows([start], 'PFML')[1]![0]).toBe('PFML (epoch 0) *');
    const names = (...runs: MethodScores[]) => comparisonRows(runs.map((one) => [one]))[1]![0];
    expect(names(start, start)).toBe('PFML (epoch 0)');
    expect(names(start, result('PFML', 0.6))).toBe('PFML (epoch 0 in 1 of 2)');
    expect([startLines([result('PFML', 0.6)]).length, startLines([start]).length]).toEqual([0, 1]);
    const card = modelCard({ ...facts, validation: [facts.validation[0]!, start] }, PARITY);
    expect(card).toMatch(/PFML \(epoch 0\) \* .*\n\n\(epoch 0\): .* a PLDA under another name\.\n/);
  });
});

describe('model card', () => {
  it('says what to do where training made it worse', () => {
    const worse = { ...facts, validation: [result('frozen', 0.63, 2048), result('PFML', 0.6)] };
    const advice = 'serve the backbone as it is (ATTRACTOR_MODEL=inception-v3)';
    expect(modelCard(worse, PARITY)).toContain(advice);
    expect(marginLines({ ...worse, margins: [] })).toEqual([
      expect.stringContaining('3.0 MAP@R below the frozen backbone'),
      expect.stringContaining(advice),
    ]);
    expect(modelCard(facts, PARITY)).not.toContain(advice);
  });

  it('says what a reader has to know, and the manifest accepts the rest', () => {
    const card = modelCard(facts, PARITY);
    for (const text of [
      '450 images in 45 classes of `product_id`',
      'rows where view=0,1',
      '12.5 % of the classes for testing, 20 % of the rest on each of up to 3 folds',
      'seed 7',
      'deltaRepulsion 0.9, start LDA, epoch 4',
      'PFML leads LDA, the next best, by +1.2 MAP@R (95 % interval -0.4 to +3.0; above 0 in 91 %',
      'PFML, of 128 numbers, is 10.0 MAP@R above the frozen backbone, of 2048, on the validation classes, and 15',
      "42 labels that sit in another class's well (12 to relabel, 30 to drop)",
      'the audit was used',
      'Test classes (90 images, and 2 alone in their class left out)',
      '| PFML * | 128 | 87.5 | 70.0 | 55.0 |',
      '| PFML * | 128 | 87.5 | 70.0 | 60.0 |',
      '32 images to 6.0e-8',
      '2026-01-31',
    ]) {
      expect(card).toContain(text);
    }
    expect(modelManifest.shape.provenance.parse(provenance(facts))).toMatchObject({
      date: '2026-01-31',
      split: { seed: 7, testClasses: 0.125 },
      method: 'PFML',
      chosen: { deltaRepulsion: 0.9 },
      race: { loss: 'auto' },
    });
    const one = { ...facts, audit: { ...facts.audit!, relabelled: 1, dropped: 0 } };
    expect(modelCard(one, PARITY)).toContain('found 1 label that sits in');
    expect(quality(facts).mapAtR).toEqual({
      value: 0.55,
      on: '90 images of test classes, seen by nothing; each against all others',
    });
    const tuned = {
      train: 'last:2',
      learningRate: 3e-4,
      epoch: 3,
      epochs: 8,
      before: 0.6,
      after: 0.65,
      start: 'LDA',
      used: true,
    };
    const better = { ...facts.test![0]!.scores, mapAtR: { value: 0.61 } };
    const grown = [...facts.test!, { method: `${facts.method}, last:2`, dimension: 128, scores: better }];
    expect(quality({ ...facts, tuned, test: grown }).mapAtR).toMatchObject({ value: 0.61 });
    expect(tuneLines({ tuned })[0]).toMatch(/took LDA from 60.0 .* to 65.0 .*3 of 8\)\.$/);
    // It helped too little: the head is what is exported.
    const idle = { ...facts, tuned: { ...tuned, used: false } };
    expect(quality(idle).mapAtR).toMatchObject({ value: 0.55 });
    expect(modelCard(idle, PARITY)).toMatch(/on the frozen backbone[\s\S]*no better than the head that won/);
    expect(quality({ ...facts, test: undefined }).mapAtR).toMatchObject({
      value: 0.6,
      on: expect.stringContaining('validation classes'),
    });
  });
});

describe('audit list', () => {
  it('names image, label, verdict and the nearest images, quoted where they need it', () => {
    const rows = [
      { image: 'a, b.jpg', label: 'chair' },
      { image: 'c.jpg', label: 'table "x"' },
    ];
    const decisions = [
      {
        ...{ row: 0, given: 'chair', verdict: 'relabelled' as const, well: 'table "x"' },
        ...{ share: 0.01234, neighbours: [1] },
      },
    ];
    expect(auditCsv({ decisions, rows }).split('\n')).toEqual([
      'keep,image,label,verdict,field_of,share_of_own_field,nearest_images',
      ',"a, b.jpg",chair,relabelled,"table ""x""",0.0123,"table ""x"": c.jpg"',
      '',
    ]);
  });

  it('is read back for what someone marked as right, and keeps the marks', () => {
    const rows = ['/a, b.jpg', '/c.jpg', '/d.jpg', '/c.jpg'].map((image) => ({ image, label: 'chair' }));
    const decision = (row: number) => ({
      ...{ row, given: 'chair', verdict: 'dropped' as const, well: 'table', share: 0, neighbours: [] },
    });
    const text = auditCsv({ decisions: [decision(0), decision(2)], rows, kept: [1] });
    expect(readKept({ text, file: 'audit.csv', rows })).toEqual([1, 3]);
    const marked = text.replace('\n,"/a, b.jpg"', '\nYes,"/a, b.jpg"');
    expect(readKept({ text: marked, file: 'audit.csv', rows })).toEqual([0, 1, 3]);
    const refused = (from: string, to: string, message: RegExp) =>
      expect(() => readKept({ text: marked.replace(from, to), file: 'audit.csv', rows })).toThrow(message);
    refused('\nYes', '\nmaybe', /audit.csv, line 2: keep: expected yes, no or nothing, received "maybe"/);
    refused('/c.jpg', '/gone.jpg', /audit.csv, line 4: no image of the data set is \/gone.jpg/);
    refused('keep', 'kept', /audit.csv: expected a column "keep"/);
  });
});
