// What a trained model says of itself: the model card, and the provenance and quality of its manifest. Wording only; the
// numbers come with the facts.

import type { PairedBootstrap } from '../../src/metrics/bootstrap.ts';
import type { ModelManifest } from '../../src/model/manifest.ts';
import type { Parity } from '../export/parity.ts';
import type { Fit } from '../fit/fit.ts';
import type { Settings } from '../fit/trial.ts';
import { type Recipe, trainingOf } from '../recipe.ts';
import { type MethodScores, markdownTable, scoreRows, startLines } from './scores.ts';

export interface RunFacts {
  readonly name: string;
  readonly date: string;
  /** File or folder name, without its path; column of the label; conditions as given; column that searches go across. */
  readonly dataset: {
    readonly name: string;
    readonly label: string;
    readonly where: readonly string[];
    readonly across?: string;
  };
  readonly images: number;
  readonly classes: number;
  readonly backbone: { readonly name: string; readonly fingerprint: string };
  readonly recipe: Recipe;
  /** Share of the classes that each fold held out. */
  readonly holdoutClasses: number;
  readonly testClasses: number;
  /** The data set said itself which classes test. */
  readonly ownSplit: boolean;
  /** Images that queries of the test classes are searched in, where the data set says which are which. */
  readonly gallery?: number;
  /** Of each image, that heads were trained on. */
  readonly views: number;
  /** The method that was exported, as tables name it, and what the validation classes chose for it. */
  readonly method: string;
  /** Length of its embeddings. */
  readonly dimension: number;
  readonly chosen: Settings;
  readonly validation: readonly MethodScores[];
  /** Absent where no class was held out for testing. */
  readonly test?: readonly MethodScores[];
  readonly winner: string;
  readonly margins: Fit['margins'];
  /** Absent where only the head was trained. */
  readonly tuned?: {
    readonly train: string;
    readonly learningRate: number;
    readonly epoch: number;
    readonly epochs: number;
    /** The method that training went on from, and MAP@R on the validation classes. */
    readonly start: string;
    readonly before: number;
    readonly after: number;
    /** False: it was not better than the head that won, which is exported. */
    readonly used: boolean;
  };
  /** Absent where the labels were not audited. */
  readonly audit?: {
    readonly used: boolean;
    readonly gain: PairedBootstrap;
    readonly relabelled: number;
    readonly dropped: number;
  };
}

/** The manifest's `provenance`: everything that is needed to train the model again. */
export function provenance(facts: RunFacts): ModelManifest['provenance'] {
  const { dataset, images, classes, backbone, method, chosen, recipe, testClasses, audit } = facts;
  const { classesPerBatch, samplesPerClass, seed, folds, trials, refit } = recipe;
  const json: unknown = {
    date: facts.date,
    dataset: { ...dataset, images, classes },
    backbone,
    method,
    chosen,
    race: { loss: recipe.loss, folds, trials },
    batch: { classes: classesPerBatch, samplesPerClass, views: facts.views },
    training: trainingOf(recipe),
    split: {
      seed,
      holdoutClasses: round(facts.holdoutClasses),
      testClasses: facts.ownSplit ? "the data set's own" : testClasses,
      refit,
    },
    tuned: facts.tuned,
    audit: audit && { used: audit.used, relabelled: audit.relabelled, dropped: audit.dropped },
  };
  return JSON.parse(JSON.stringify(json)) as ModelManifest['provenance'];
}

/** The manifest's `quality`: on the test classes of what is exported; without them of the head alone, on the validation classes. */
export function quality(facts: RunFacts): ModelManifest['quality'] {
  const results = facts.test ?? facts.validation;
  const { scores } = results.find(({ method }) => method === exported(facts, results))!;
  const kind = facts.test
    ? 'test classes, seen by nothing'
    : 'validation classes, which chose method, settings and epoch';
  const { across } = facts.dataset;
  const all = across === undefined ? 'all others' : `all of another ${across}`;
  const against = facts.test && facts.gallery ? `a gallery of ${facts.gallery}` : all;
  const on = `${scores.queries} images of ${kind}; each against ${against}`;
  return {
    recallAt1: { value: round(scores.recallAt1.value), on },
    mapAtR: { value: round(scores.mapAtR.value), on },
  };
}

/** The row of what is exported: one of its own where training the backbone helped and the table has it. */
function exported({ method, tuned }: RunFacts, results: readonly MethodScores[]): string {
  const grown = `${method}, ${tuned?.train}`;
  return results.some((row) => row.method === grown) ? grown : method;
}

/** The rows of a table, with a star at what is exported. */
export const markedRows = (facts: RunFacts, results: readonly MethodScores[]) =>
  scoreRows(results, exported(facts, results));

const round = (x: number) => Math.round(x * 1e4) / 1e4;

export function modelCard(facts: RunFacts, parity: Parity): string {
  const { name, dataset, backbone, chosen, test, recipe, method } = facts;
  const { folds, seed, refit, classesPerBatch, samplesPerClass } = recipe;
  const list = (entries: Readonly<Record<string, unknown>>) =>
    Object.entries(entries)
      .map(([key, value]) => `${key} ${value}`)
      .join(', ');
  const spaced = (paragraphs: readonly string[]) => paragraphs.flatMap((line) => [line, '']);
  const where = dataset.where.length > 0 ? ` (rows where ${dataset.where.join(' and ')})` : '';
  const lines = [
    `# ${name}`,
    '',
    `Image embedding of ${facts.dimension} numbers, compared by cosine: a linear head (${method}) on the ${facts.tuned?.used ? 'fine-tuned' : 'frozen'} backbone`,
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
    `is on two sides: ${facts.ownSplit ? "the data set's own test classes" : `${share(facts.testClasses)} of the classes for testing`}, ${share(facts.holdoutClasses)} of the rest on each of up to ${folds} folds to`,
    `choose method, settings and epoch (seed ${seed}).${refit ? ' What was chosen was then fitted again with the validation classes.' : ''}`,
    ...auditLines(facts),
    '',
    '## Training',
    '',
    `${method}${Object.keys(chosen).length > 0 ? `, chosen on the validation classes: ${list(chosen)}` : ''}.`,
    `Batches of ${classesPerBatch} classes with ${samplesPerClass} images each, where a head is trained.`,
    ...marginLines(facts),
    ...tuneLines(facts),
    '',
    '## Quality',
    '',
    ...(dataset.across === undefined
      ? []
      : [`Each image is searched among those of another \`${dataset.across}\` only.`]),
    'In per cent; each image searched among all the others of its side, or in the gallery where one is named, itself left out, ties by',
    'expectation. `frozen` is the backbone alone; PCA, LDA, PLDA and within-class whitening are closed forms fitted on the same images. A',
    'star marks what was exported.',
    '',
    ...(test
      ? [
          `${testTitle(facts)} (${counts(test)}), scored once:`,
          '',
          markdownTable(markedRows(facts, test)),
          '',
          ...spaced(startLines(test)),
        ]
      : []),
    `Validation classes (${counts(facts.validation)}), before the refit; choices were made on them, so they flatter:`,
    '',
    markdownTable(markedRows(facts, facts.validation)),
    '',
    ...spaced(startLines(facts.validation)),
    `The exported graph repeats the trainer's embeddings of ${parity.images} images to ${parity.difference.toExponential(1)} in any number.`,
    '',
  ];
  return lines.join('\n');
}

/** `Test classes`, and what their queries are searched in where that is not all of them. */
export const testTitle = ({ gallery }: Pick<RunFacts, 'gallery'>) =>
  gallery ? `Test classes, queries searched in a gallery of ${gallery} images` : 'Test classes';

/** What the race says, in sentences: for the card and the command line. */
export function marginLines(
  facts: Pick<RunFacts, 'winner' | 'margins' | 'method' | 'validation' | 'test' | 'backbone' | 'tuned'>,
) {
  const { winner, margins, method, validation, test, backbone, tuned } = facts;
  const gainOn = (results: readonly MethodScores[]) => {
    const mapAtR = (name: string) => results.find((one) => one.method === name)!.scores.mapAtR.value;
    return 100 * (mapAtR(method) - mapAtR('frozen'));
  };
  const lead = (results: readonly MethodScores[], over: string) => {
    const gain = gainOn(results);
    return `${Math.abs(gain).toFixed(1)} MAP@R ${gain < 0 ? 'below' : 'above'} ${over}`;
  };
  const row = (name: string) => validation.find((one) => one.method === name)!;
  const onTest = test ? `, and ${lead(test, 'it on the test classes')}` : '';
  const alone = `${method}, of ${row(method).dimension} numbers, is ${lead(validation, `the frozen backbone, of ${row('frozen').dimension}, on the validation classes`)}${onTest}.`;
  const told = [alone];
  if (gainOn(validation) < 0 && !tuned?.used) {
    told.push(
      `So training made it worse: serve the backbone as it is (ATTRACTOR_MODEL=${backbone.name}), or train on more classes, or more images of each.`,
    );
  }
  const [next] = margins;
  if (next === undefined) return told;
  const { difference, low, high, probabilityAbove0 } = next.margin;
  const lines = [
    `On the validation classes ${winner} leads ${next.method}, the next best, by ${points(difference)} MAP@R (95 % interval ${points(low)} to ${points(high)}; above 0 in ${(100 * probabilityAbove0).toFixed(0)} % of resamplings of the classes).`,
  ];
  if (method !== winner) lines.push(`${method} was asked for.`);
  return [...lines, ...told];
}

export function tuneLines({ tuned }: Pick<RunFacts, 'tuned'>): string[] {
  if (tuned === undefined) return [];
  const { train, start, learningRate, epoch, epochs, before, after, used } = tuned;
  return [
    `Training ${train} too took ${start} from ${(100 * before).toFixed(1)} MAP@R on the validation classes to ${(100 * after).toFixed(1)} (rate ${learningRate}, epoch ${epoch} of ${epochs})${used ? '' : ', which is no better than the head that won: the backbone is as it was'}.`,
  ];
}

export function auditLines({ audit }: Pick<RunFacts, 'audit'>): string[] {
  if (audit === undefined) return [];
  const { used, gain, relabelled, dropped } = audit;
  if (relabelled + dropped === 0)
    return ["The field audit found no label that sits in another class's well."];
  const found = relabelled + dropped === 1 ? '1 label that sits' : `${relabelled + dropped} labels that sit`;
  return [
    `The field audit found ${found} in another class's well (${relabelled} to relabel, ${dropped} to drop). An LDA on the audited labels is ${points(gain.difference)} MAP@R (${points(gain.low)} to ${points(gain.high)}) from one on the given labels, on the validation classes: the audit was ${used ? 'used' : 'not used'}.`,
  ];
}

const points = (x: number) => (x < 0 ? '' : '+') + (100 * x).toFixed(1);

/** `90 images`, and how many had nothing to be found. */
export function counts(results: readonly MethodScores[]): string {
  const { queries, lone } = results[0]!.scores;
  return lone === 0 ? `${queries} images` : `${queries} images, and ${lone} alone in their class left out`;
}

const share = (fraction: number) => (fraction === 0 ? 'none' : `${Math.round(fraction * 1000) / 10} %`);
