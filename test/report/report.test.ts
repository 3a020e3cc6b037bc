import { describe, expect, it } from 'vitest';
import { modelManifest } from '../../src/model/manifest.ts';
import { potentialField } from '../../training/losses/potential-field.ts';
import { modelCard, provenance, quality, type RunFacts } from '../../training/report/card.ts';
import {
  alignedTable,
  comparisonRows,
  type Method,
  type MethodScores,
  markdownTable,
  percent,
  scoreRows,
} from '../../training/report/scores.ts';

const result = (method: Method, mapAtR: number, dimension = 128): MethodScores => ({
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
  dimension: 128,
  loss: potentialField(),
  chosen: { start: 'LDA', epoch: 4 },
  classesPerBatch: 25,
  samplesPerClass: 4,
  seed: 7,
  holdoutClasses: 0.2,
  testClasses: 0.125,
  refit: true,
  validation: [result('frozen', 0.5, 2048), result('PFML', 0.6)],
  test: [result('frozen', 0.4, 2048), result('PFML', 0.55)],
};

describe('score tables', () => {
  it('print per cent, with the bounds of ties only where they matter', () => {
    expect(percent({ value: 0.8349 })).toBe('83.5');
    expect(percent({ value: 0.5, bounds: { pessimistic: 0, optimistic: 1 } })).toBe('50.0 (0.0 to 100.0)');
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
});

describe('model card', () => {
  it('says what a reader has to know, and the manifest accepts the rest', () => {
    const card = modelCard(facts, { images: 32, difference: 6e-8, cosine: 1 });
    for (const text of [
      '450 images in 45 classes of `product_id`',
      'rows where view=0,1',
      '12.5 % of the classes for testing, 20 % of the rest',
      'seed 7',
      'start LDA, epoch 4',
      'Test classes (90 images, and 2 alone in their class left out)',
      '| PFML | 128 | 87.5 | 70.0 | 55.0 |',
      '32 images to 6.0e-8',
      '2026-01-31',
    ]) {
      expect(card).toContain(text);
    }
    expect(modelManifest.shape.provenance.parse(provenance(facts))).toMatchObject({
      date: '2026-01-31',
      split: { seed: 7, testClasses: 0.125 },
      loss: { name: 'potential-field', deltaAttraction: 0.7 },
    });
    expect(quality(facts).mapAtR).toEqual({
      value: 0.55,
      on: '90 images of test classes, seen by nothing; each against all others',
    });
    expect(quality({ ...facts, test: undefined }).mapAtR).toMatchObject({
      value: 0.6,
      on: expect.stringContaining('validation classes'),
    });
  });
});
