// What a trained model says of itself: the model card, and the provenance and quality of its manifest. Wording only; the
// numbers come with the facts.

import type { ModelManifest } from '../../src/model/manifest.ts';
import type { Parity } from '../export/parity.ts';
import type { Loss } from '../losses/loss.ts';
import { type MethodScores, markdownTable, scoreRows } from './scores.ts';

export interface RunFacts {
  readonly name: string;
  readonly date: string;
  /** File or folder name, without its path; column of the label; conditions as given. */
  readonly dataset: { readonly name: string; readonly label: string; readonly where: readonly string[] };
  readonly images: number;
  readonly classes: number;
  readonly backbone: { readonly name: string; readonly fingerprint: string };
  readonly dimension: number;
  readonly loss: Loss;
  readonly chosen: Readonly<Record<string, string | number>>;
  readonly classesPerBatch: number;
  readonly samplesPerClass: number;
  readonly seed: number;
  readonly holdoutClasses: number;
  readonly testClasses: number;
  readonly refit: boolean;
  readonly validation: readonly MethodScores[];
  /** Absent where no class was held out for testing. */
  readonly test?: readonly MethodScores[];
}

/** The manifest's `provenance`: everything that is needed to train the model again. */
export function provenance(facts: RunFacts): ModelManifest['provenance'] {
  const { dataset, images, classes, backbone, loss, chosen, seed, holdoutClasses, testClasses, refit } =
    facts;
  const json: unknown = {
    date: facts.date,
    dataset: { ...dataset, images, classes },
    backbone,
    loss: { name: loss.name, ...loss.options },
    chosen,
    batch: { classes: facts.classesPerBatch, samplesPerClass: facts.samplesPerClass },
    split: { seed, holdoutClasses, testClasses, refit },
  };
  return JSON.parse(JSON.stringify(json)) as ModelManifest['provenance'];
}

/** The manifest's `quality`: of the trained head, on the test classes where there are some. */
export function quality(facts: RunFacts): ModelManifest['quality'] {
  const { scores } = (facts.test ?? facts.validation).find(({ method }) => method === 'PFML')!;
  const kind = facts.test
    ? 'test classes, seen by nothing'
    : 'validation classes, which chose start and epoch';
  const on = `${scores.queries} images of ${kind}; each against all others`;
  return {
    recallAt1: { value: round(scores.recallAt1.value), on },
    mapAtR: { value: round(scores.mapAtR.value), on },
  };
}

const round = (x: number) => Math.round(x * 1e4) / 1e4;

export function modelCard(facts: RunFacts, parity: Parity): string {
  const { name, dataset, backbone, loss, chosen, test } = facts;
  const list = (entries: Readonly<Record<string, unknown>>) =>
    Object.entries(entries)
      .map(([key, value]) => `${key} ${value}`)
      .join(', ');
  const where = dataset.where.length > 0 ? ` (rows where ${dataset.where.join(' and ')})` : '';
  const lines = [
    `# ${name}`,
    '',
    `Image embedding of ${facts.dimension} numbers, compared by cosine: a linear head trained on the frozen backbone`,
    `\`${backbone.name}\` (\`${backbone.fingerprint}\`), ${facts.date}.`,
    '',
    '## Intended use',
    '',
    `Finding images of the same \`${dataset.label}\` among images like those it was trained on. Not measured on other kinds of`,
    'images, and no measure of how alike two things are in general.',
    '',
    '## Data',
    '',
    `\`${dataset.name}\`${where}: ${facts.images} images in ${facts.classes} classes of \`${dataset.label}\`. Splits are by class, so no class`,
    `is on two sides: ${share(facts.testClasses)} of the classes for testing, ${share(facts.holdoutClasses)} of the rest to choose start, shrinkage and`,
    `epoch (seed ${facts.seed}).${facts.refit ? ' What was chosen was then fitted again with the validation classes.' : ''}`,
    '',
    '## Training',
    '',
    `Loss \`${loss.name}\`: ${list(loss.options)}.`,
    `Batches of ${facts.classesPerBatch} classes with ${facts.samplesPerClass} images each. Chosen on the validation classes: ${list(chosen)}.`,
    '',
    '## Quality',
    '',
    'In per cent; each image searched among all the others of its side, itself left out, ties by expectation. `frozen` is the',
    'backbone alone; PCA, LDA and within-class whitening are closed forms fitted on the same images.',
    '',
    ...(test ? [`Test classes (${counts(test)}), scored once:`, '', markdownTable(scoreRows(test)), ''] : []),
    `Validation classes (${counts(facts.validation)}), before the refit; choices were made on them, so they flatter:`,
    '',
    markdownTable(scoreRows(facts.validation)),
    '',
    `The exported graph repeats the trainer's embeddings of ${parity.images} images to ${parity.difference.toExponential(1)} in any number.`,
    '',
  ];
  return lines.join('\n');
}

function counts(results: readonly MethodScores[]): string {
  const { queries, lone } = results[0]!.scores;
  return lone === 0 ? `${queries} images` : `${queries} images, and ${lone} alone in their class left out`;
}

const share = (fraction: number) => (fraction === 0 ? 'none' : `${Math.round(fraction * 1000) / 10} %`);
