// One cell of an experiment: a data set, a class split, a noise and a length. All methods race on it, then each is fitted with every
// seed and scored on the classes that nothing has seen, by their right labels.

import { addLabelNoise, nearestClasses, similarPairs } from '../../src/dataset/noise.ts';
import { splitClasses } from '../../src/dataset/split.ts';
import { auroc } from '../../src/metrics/detection.ts';
import type { Matmul } from '../baselines/matmul.ts';
import { evaluateHeads } from '../fit/evaluate.ts';
import { type Fit, fitHeads } from '../fit/fit.ts';
import { type Labelled, pickRows } from '../fit/space.ts';
import { trainedTrials } from '../fit/trained-head.ts';
import type { Settings, Trial } from '../fit/trial.ts';
import { LOSSES } from '../losses/index.ts';
import { methodTrials } from '../methods.ts';
import { resolveRecipe } from '../recipe.ts';
import type { Scores } from '../report/scores.ts';
import type { Experiment } from './schema.ts';

export interface CellPlace {
  readonly data: string;
  readonly across?: string;
  readonly split: number;
  readonly noise: Experiment['noise'][number];
  readonly dimension: number;
  readonly audit: Experiment['audit'][number];
}

export interface Quality {
  readonly recallAt1: number;
  readonly rPrecision: number;
  readonly mapAtR: number;
}

export const qualityOf = ({ recallAt1, rPrecision, mapAtR }: Scores): Quality => ({
  recallAt1: recallAt1.value,
  rPrecision: rPrecision.value,
  mapAtR: mapAtR.value,
});

export interface MethodResult {
  readonly method: string;
  readonly dimension: number;
  /** Trials that it had; 0 where nothing is chosen. */
  readonly trials: number;
  /** The backbone's last blocks too: no head, and not in the race. */
  readonly tuned?: true;
  readonly chosen: Settings;
  /** MAP@R on the validation classes. */
  readonly validation: number;
  /** On the unseen classes; a closed form has one run, whatever the seed. */
  readonly runs: readonly ({ readonly seed: number } & Quality)[];
}

export interface CellResult extends CellPlace {
  readonly results: readonly MethodResult[];
  /** What `--loss auto` takes. */
  readonly winner: string;
  /** Its lead on the validation classes over the next best. */
  readonly lead?: { readonly over: string; difference: number; low: number; high: number };
  readonly audited?: {
    readonly used: boolean;
    readonly relabelled: number;
    readonly dropped: number;
    /** Wrong labels before and after; and of the mislabel score, where labels were made wrong. */
    readonly wrongBefore: number;
    readonly wrongAfter: number;
    readonly auroc?: number;
  };
  /** Of this process, for all methods together. */
  readonly cpuSeconds: number;
}

export interface CellOptions {
  readonly experiment: Experiment;
  readonly place: CellPlace;
  /** The whole data set, right labels. */
  readonly data: Labelled;
  readonly inputs: number;
  readonly matmul: Matmul;
  /** CPU time of the process in seconds. */
  readonly cpu: () => number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly phase: string; done: number; total: number }) => void;
}

export interface RunCell {
  readonly result: CellResult;
  readonly fit: Fit;
  /** Rows of the data set on the two sides. */
  readonly seen: readonly number[];
  readonly unseen: readonly number[];
}

/** Throws what fitHeads throws. */
export async function runCell(options: CellOptions): Promise<RunCell> {
  const { experiment, place, data, inputs, matmul, cpu, signal, onProgress } = options;
  const { folds, epochs, trials, testClasses } = experiment;
  const started = cpu();
  const split = splitClasses({ labels: data.labels, fraction: testClasses, seed: place.split });
  const right = pickRows(data, split.kept, inputs);
  const unseen = pickRows(data, split.held, inputs);
  const alike = { features: right.features, labels: right.labels, dimension: inputs };
  const { kind } = place.noise;
  const { labels, changed } = addLabelNoise({
    labels: right.labels,
    ...place.noise,
    seed: place.split,
    nearest: kind === 'asymmetric' ? nearestClasses(alike) : undefined,
    clusters: kind === 'small-cluster' ? similarPairs(alike) : undefined,
  });

  const common = { dimension: place.dimension, epochs, trials, folds, seed: place.split, audit: place.audit };
  const resolved = { ...resolveRecipe({ ...common, loss: 'auto' }), methods: experiment.methods };
  // As in training without --dimension: fine-tuning goes on from all directions.
  const recipe = experiment.fineTune ? { ...resolved, anyLength: true } : resolved;
  const variants: Trial[][] = experiment.variants.map(({ title, loss, options: settings }) =>
    trainedTrials({
      ...{ ...recipe, method: title, count: trials, matmul },
      losses: [{ settings: {}, loss: LOSSES[loss]!.create(settings) }],
    }),
  );
  const methods = [...methodTrials({ recipe, matmul })(place.dimension), ...variants];
  const fit = await fitHeads({
    ...{ ...recipe, data: { ...right, labels }, inputs, matmul, onProgress },
    methods: () => methods,
    run: { seed: place.split, signal },
  });

  const results: MethodResult[] = [];
  const score = async (heads: Parameters<typeof evaluateHeads>[0]['heads']) =>
    (await evaluateHeads({ heads, data: unseen, inputs, matmul, signal })).map(({ scores }) =>
      qualityOf(scores),
    );
  const validation = (method: string) =>
    fit.validation.find((one) => one.method === method)!.scores.mapAtR.value;
  const frozen = {
    method: 'frozen',
    dimension: inputs,
    trials: 0,
    chosen: {},
    validation: validation('frozen'),
  };
  for (const [at, { method, chosen, map }] of fit.heads.entries()) {
    const trained = methods[at]![0]!.loss !== undefined;
    const runs: MethodResult['runs'][number][] = [];
    const seeds = trained ? experiment.seeds : experiment.seeds.slice(0, 1);
    for (const seed of seeds) {
      const again = trained ? await fit.fitAgain(method, { seed }) : map;
      const [ofFrozen, ofHead] = await score([{ method, map: again, chosen }]);
      if (at === 0 && runs.length === 0) results.push({ ...frozen, runs: [{ seed, ...ofFrozen! }] });
      runs.push({ seed, ...ofHead! });
      onProgress?.({ phase: `test ${method}`, done: runs.length, total: seeds.length });
    }
    const dimension = map.outputs;
    results.push({
      method,
      dimension,
      trials: methods[at]!.length,
      chosen,
      validation: validation(method),
      runs,
    });
  }
  const [next] = fit.margins;
  const result: CellResult = {
    ...place,
    results,
    winner: fit.winner,
    lead: next && {
      over: next.method,
      difference: next.margin.difference,
      low: next.margin.low,
      high: next.margin.high,
    },
    audited: fit.audit && auditFacts(fit.audit, right.labels, changed),
    cpuSeconds: cpu() - started,
  };
  return { result, fit, seen: split.kept, unseen: split.held };
}

function auditFacts(audit: NonNullable<Fit['audit']>, right: readonly string[], changed: readonly number[]) {
  const relabelled = audit.decisions.filter(({ verdict }) => verdict === 'relabelled').length;
  const wrong = new Set(changed);
  const scores = audit.share.map((share) => -share);
  return {
    used: audit.used,
    relabelled,
    dropped: audit.decisions.length - relabelled,
    wrongBefore: changed.length,
    wrongAfter: audit.labels.filter((label, row) => label !== undefined && label !== right[row]).length,
    auroc: wrong.size > 0 ? auroc({ scores, positives: right.map((_, row) => wrong.has(row)) }) : undefined,
  };
}
