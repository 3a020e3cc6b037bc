// Fits heads on one set of features: audits the labels, lets the methods race on classes that they were not fitted on, and fits the
// best trial of each once more. Knows features and labels; not images, files or models.

import { join } from 'node:path';
import type { ClassSplit } from '../../src/dataset/split.ts';
import type { PairedBootstrap } from '../../src/metrics/bootstrap.ts';
import { type Audit, auditLabels } from '../audit/audit.ts';
import { type LinearMap, project } from '../baselines/linear-map.ts';
import type { Matmul } from '../baselines/matmul.ts';
import type { Pca } from '../baselines/pca.ts';
import type { Loss } from '../losses/loss.ts';
import type { MethodScores, Scores } from '../report/scores.ts';
import { closedFormTrials } from './closed-forms.ts';
import { evaluateHeads } from './evaluate.ts';
import { type OpenFold, openFold, planFolds } from './folds.ts';
import { openJournal } from './journal.ts';
import { contenders, type Entry, margin, pooled, race, winner } from './race.ts';
import { fitComponents, type Labelled, openSpace, pickRows, pickTraining, toMap } from './space.ts';
import type { Settings, Trial, TrialRun } from './trial.ts';

export interface FitOptions {
  readonly data: Labelled;
  /** Length of a feature row. */
  readonly inputs: number;
  /** Length of an embedding. */
  readonly dimension: number;
  /** True: a method whose embeddings have a length of their own may win, and few data make shorter ones. Default false. */
  readonly anyLength?: boolean;
  /** The trials of each method that races; those of one are fitted the same way, so that the race is fair. */
  readonly methods: (dimension: number) => readonly (readonly Trial[])[];
  /** Share of the classes that each fold holds out. Default: defaultHoldout. */
  readonly holdoutClasses?: number;
  /** Class splits that the race runs over, as many as there are classes for: at most 1 / holdoutClasses. */
  readonly folds: number;
  /** `auto`: the audited labels are used unless an LDA fitted on them is surely the worse one on the validation classes. */
  readonly audit: 'auto' | 'on' | 'off';
  /** Rows whose labels the audit leaves as they are, whatever it thinks. */
  readonly keep?: readonly number[];
  /** True: what was chosen is fitted once more on all classes, the validation classes among them. */
  readonly refit: boolean;
  readonly run: TrialRun;
  readonly matmul: Matmul;
  /** What is under way: `audit`, the name of a method in the race, or `refit <method>`. */
  readonly onProgress?: (progress: { readonly phase: string; done: number; total: number }) => void;
}

export interface FittedHead {
  readonly method: string;
  readonly map: LinearMap;
  /** What the validation classes chose. */
  readonly chosen: Settings;
}

export interface Fit {
  /** Share of the classes that each fold held out. */
  readonly holdoutClasses: number;
  /** In the order of the methods. */
  readonly heads: readonly FittedHead[];
  /** The method with the highest MAP@R on the validation classes, of those with embeddings of `dimension` unless any length will do. */
  readonly winner: string;
  /** The winner against each other method that could have won, on the validation classes, the closest first. */
  readonly margins: readonly { readonly method: string; readonly margin: PairedBootstrap }[];
  /** The frozen features and each head on the validation classes, before the refit. */
  readonly validation: readonly MethodScores[];
  readonly audit?: AuditOutcome;
  /** Label that each row was fitted under; undefined where the audit dropped it. */
  readonly labels: readonly (string | undefined)[];
  /**
   * What training the backbone goes on from, the best closed form, where one raced. A backbone learns to do without a direction; it
   * does not bring one back that its start has thrown away.
   */
  readonly start?: string;
  /** The loss of the best trained head, where one raced. */
  readonly loss?: Loss;
  /** The same choices of a method once more: on some of the rows, or with another seed. */
  fitAgain(method: string, change: { rows?: readonly number[]; seed?: number }): Promise<LinearMap>;
}

export interface AuditOutcome extends Audit {
  readonly used: boolean;
  /** LDA on audited labels minus LDA on given ones, MAP@R on validation classes with their given labels. */
  readonly gain: PairedBootstrap;
}

/** The seed of the run decides the validation classes too. Throws `invalid_argument`, `aborted`, and what trials throw. */
export async function fitHeads(options: FitOptions): Promise<Fit> {
  const { data, inputs, matmul, run, onProgress } = options;
  const { seed, signal } = run;
  const asked = options.anyLength ? undefined : options.dimension;
  const planned = planFolds({ ...options, labels: data.labels, seed, dimension: asked });
  const { splits, holdoutClasses, longest } = planned;
  const dimension = Math.min(options.dimension, longest);
  const pcas: Pca[] = [];
  for (const { kept } of splits) {
    pcas.push(await fitComponents({ features: pickRows(data, kept, inputs).features, inputs, matmul }));
  }
  const all = await fitComponents({ features: data.features, inputs, matmul });
  const audit =
    options.audit === 'off' ? undefined : await tryAudit({ ...options, dimension }, splits, pcas, all);
  const labels = audit?.used ? audit.labels : data.labels;
  const folds = await openFolds(options, splits, pcas, labels, labels);

  const entries = await race({
    ...{ methods: options.methods(dimension), folds, run },
    journal: run.run === undefined ? undefined : openJournal({ folder: run.run, resume: run.resume, data }),
    onProgress: ({ method, done, total }) => onProgress?.({ phase: method, done, total }),
  });
  const best = winner(entries, options.anyLength);
  const trained = entries.filter(({ trial }) => trial.loss !== undefined);
  const solved = entries.filter(({ trial }) => trial.loss === undefined);

  const used = labels.flatMap((label, row) => (label === undefined ? [] : [row]));
  const audited = { ...pickTraining(data, used, inputs), labels: used.map((row) => labels[row]!) };
  const final = options.refit
    ? await openSpace({ data: audited, inputs, matmul, pca: all })
    : folds[0]!.space;
  const heads: FittedHead[] = [];
  for (const entry of entries) {
    const { method } = entry.trial;
    const stage: TrialRun = {
      ...run,
      run: run.run && join(run.run, (method.toLowerCase().match(/[a-z0-9]+/g) ?? []).join('-')),
      onStep: ({ step, steps }) => onProgress?.({ phase: `refit ${method}`, done: step, total: steps }),
    };
    const projection = await entry.trial.fit(final, entry.point, stage);
    heads.push({ method, chosen: chosen(entry), map: await toMap(final, projection, matmul) });
  }
  const frozen: Scores[] = [];
  for (const { judged } of folds) {
    const held = { ...pickRows(data, judged, inputs), labels: judged.map((row) => labels[row]!) };
    frozen.push((await evaluateHeads({ heads: [], data: held, inputs, matmul, signal }))[0]!.scores);
  }
  return {
    holdoutClasses,
    heads,
    winner: best.trial.method,
    margins: contenders(entries, options.anyLength)
      .filter((entry) => entry !== best)
      .map((entry) => ({ method: entry.trial.method, margin: margin(best, entry, folds, seed) }))
      .sort((a, b) => a.margin.difference - b.margin.difference),
    validation: [
      { method: 'frozen', dimension: inputs, scores: pooled(frozen) },
      ...entries.map(({ trial, scores }, i) => {
        const { map, chosen } = heads[i]!;
        return { method: trial.method, dimension: map.outputs, atStart: chosen.epoch === 0, scores };
      }),
    ],
    audit,
    labels,
    start: solved.length > 0 ? winner(solved, options.anyLength).trial.method : undefined,
    loss: trained.length > 0 ? winner(trained).trial.loss : undefined,
    async fitAgain(method, { rows: some, seed: other = seed }) {
      const { trial, point } = entries.find((entry) => entry.trial.method === method)!;
      const part = some && {
        ...pickTraining(data, some, inputs),
        labels: some.map((row) => labels[row]!),
      };
      const space = part ? await openSpace({ data: part, inputs, matmul }) : final;
      const again = { ...run, seed: other, run: undefined, onStep: undefined };
      return toMap(space, await trial.fit(space, point, again), matmul);
    },
  };
}

async function openFolds(
  { data, inputs, matmul, run }: FitOptions,
  splits: readonly ClassSplit[],
  pcas: readonly Pca[],
  labels: readonly (string | undefined)[],
  judgedBy: readonly (string | undefined)[],
): Promise<OpenFold[]> {
  const folds: OpenFold[] = [];
  for (const [i, split] of splits.entries()) {
    const pca = pcas[i]!;
    folds.push(await openFold({ data, labels, judgedBy, split, pca, inputs, matmul, signal: run.signal }));
  }
  return folds;
}

/** The audited labels are given up where they are worse in all but this part of the resamplings of the classes. */
const HARM = 0.1;

/** Audits, and has an LDA on the audited labels race one on the given labels. */
async function tryAudit(
  options: FitOptions,
  splits: readonly ClassSplit[],
  pcas: readonly Pca[],
  pca: Pca,
): Promise<AuditOutcome> {
  const { data, matmul, run, onProgress } = options;
  const { seed, signal } = run;
  const audit = await auditLabels({
    ...{ features: await project({ map: pca, features: data.features, matmul }), inputs: pca.outputs },
    ...{ labels: data.labels, matmul, seed, signal, keep: options.keep },
    onProgress: (progress) => onProgress?.({ phase: 'audit', ...progress }),
  });
  const entry = async (labels: readonly (string | undefined)[]) => {
    const folds = await openFolds(options, splits, pcas, labels, data.labels);
    const lda = closedFormTrials({ form: 'LDA', dimension: options.dimension, count: 2, matmul });
    return { folds, entry: (await race({ methods: [lda], folds, run }))[0]! };
  };
  const [audited, given] = [await entry(audit.labels), await entry(data.labels)];
  const gain = margin(audited.entry, given.entry, given.folds, seed);
  return { ...audit, gain, used: options.audit === 'on' || gain.probabilityAbove0 > HARM };
}

function chosen({ trial, point, points }: Entry): Settings {
  return points > 1 ? { ...trial.settings, epoch: point } : trial.settings;
}
