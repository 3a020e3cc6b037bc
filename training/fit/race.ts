// The race that chooses a head: every method gets the same number of trials on validation classes, then its two best on further
// class splits, and the winner is told with how sure that is. Knows trials, not what is inside them.

import { createHash } from 'node:crypto';
import type { PairedBootstrap } from '../../src/metrics/bootstrap.ts';
import { pairedBootstrap } from '../../src/metrics/bootstrap.ts';
import type { Judged, Scores } from '../report/scores.ts';
import type { Journal } from './journal.ts';
import type { Judge, Projection, Space } from './space.ts';
import type { Trial, TrialRun } from './trial.ts';

/** One class split: what is fitted on, and the judge over the classes held out of it. */
export interface Fold {
  readonly space: Space;
  readonly judge: Judge;
  /** Class of every row that is judged. */
  readonly labels: readonly string[];
  /** Of the numbers and labels of the rows that are fitted and judged. */
  readonly identity: string;
}

export interface RaceOptions {
  /** The trials of each method. */
  readonly methods: readonly (readonly Trial[])[];
  /** One or more: the first one chooses among a method's trials. */
  readonly folds: readonly Fold[];
  readonly run: TrialRun;
  /** Of these data: explorations that are in it are taken from it. */
  readonly journal?: Journal;
  /** After every fit. `total` counts all of them. */
  readonly onProgress?: (progress: { readonly method: string; done: number; total: number }) => void;
}

export interface Entry {
  readonly trial: Trial;
  /** The point (epoch) to keep, of `points` (0 for the first). */
  readonly point: number;
  readonly points: number;
  /**
   * Over the folds together. With several folds, each is scored at the point that the others chose, so that a method with
   * many points is not flattered.
   */
  readonly scores: Scores;
  /** MAP@R of each judged row, fold after fold. */
  readonly mapAtR: Float64Array;
}

/** Trials of a method that run on every fold: what is best on one is often luck. */
const FINALISTS = 2;

/** The best trial of each method, in the order of the methods. */
export async function race(options: RaceOptions): Promise<Entry[]> {
  const { methods, folds, journal, onProgress } = options;
  // Trials of a race are short and many: no checkpoints, and steps are not reported.
  const { run: _, resume: __, onStep: ___, ...run } = options.run;
  const finals = (trials: readonly Trial[]) => Math.min(FINALISTS, trials.length) * (folds.length - 1);
  const total = methods.reduce((sum, trials) => sum + trials.length + finals(trials), 0);
  let done = 0;
  const explore = async (trial: Trial, { space, judge, identity }: Fold): Promise<Judged[]> => {
    const key = keyOf(trial, identity, options.run);
    const known = journal?.get(key);
    if (known !== undefined) {
      onProgress?.({ method: trial.method, done: ++done, total });
      return known;
    }
    const points: Judged[] = [];
    const kept: Judge = async (projection: Projection) => {
      const judged = await judge(projection);
      points.push(judged);
      return judged;
    };
    await trial.explore(space, kept, run);
    journal?.put(key, points);
    onProgress?.({ method: trial.method, done: ++done, total });
    return points;
  };
  const entries: Entry[] = [];
  for (const trials of methods) {
    const first: { trial: Trial; points: Judged[] }[] = [];
    for (const trial of trials) first.push({ trial, points: await explore(trial, folds[0]!) });
    first.sort((a, b) => top(b.points) - top(a.points));
    const finals: Entry[] = [];
    for (const { trial, points } of folds.length > 1 ? first.slice(0, FINALISTS) : first.slice(0, 1)) {
      const curves = [points];
      for (const fold of folds.slice(1)) curves.push(await explore(trial, fold));
      finals.push({ trial, ...settle(curves) });
    }
    entries.push(finals.reduce((best, entry) => (value(entry) > value(best) ? entry : best)));
  }
  return entries;
}

function keyOf(trial: Trial, fold: string, { seed, engine }: TrialRun): string {
  return createHash('sha256')
    .update(JSON.stringify([trial.method, trial.identity, fold, seed, engine]))
    .digest('hex');
}

/** Those that may win: with embeddings of the length that is asked for, unless any will do or there is no other. */
export function contenders(entries: readonly Entry[], anyLength = false): readonly Entry[] {
  const fit = entries.filter(({ trial }) => anyLength || !trial.ownLength);
  return fit.length > 0 ? fit : entries;
}

/** The highest mean MAP@R of those that may win. */
export function winner(entries: readonly Entry[], anyLength = false): Entry {
  return contenders(entries, anyLength).reduce((best, entry) => (value(entry) > value(best) ? entry : best));
}

/** How much better `a` is than `b` on the same rows: whole classes are drawn. */
export function margin(a: Entry, b: Entry, folds: readonly Fold[], seed: number): PairedBootstrap {
  // A class that is held out by two folds is two classes here: its rows were judged under two heads.
  const classes = folds.flatMap(({ labels }, fold) => labels.map((label) => `${fold} ${label}`));
  return pairedBootstrap({ a: a.mapAtR, b: b.mapAtR, classes, seed });
}

const value = ({ scores }: Entry) => scores.mapAtR.value;
const top = (points: readonly Judged[]) => Math.max(...points.map(({ scores }) => scores.mapAtR.value));

function settle(curves: readonly (readonly Judged[])[]): Omit<Entry, 'trial'> {
  const points = curves[0]!.length;
  const best = (used: readonly (readonly Judged[])[]) => {
    let at = 0;
    const mean = (point: number) =>
      used.reduce((sum, curve) => sum + curve[point]!.scores.mapAtR.value, 0) / used.length;
    for (let point = 1; point < points; point++) if (mean(point) > mean(at)) at = point;
    return at;
  };
  const judged = curves.map((curve, fold) => {
    const others = curves.length > 1 ? curves.filter((_, i) => i !== fold) : curves;
    return curve[best(others)]!;
  });
  const mapAtR = new Float64Array(judged.reduce((sum, one) => sum + one.mapAtR.length, 0));
  judged.reduce((at, one) => {
    mapAtR.set(one.mapAtR, at);
    return at + one.mapAtR.length;
  }, 0);
  return { point: best(curves), points, scores: pooled(judged.map(({ scores }) => scores)), mapAtR };
}

/** Over several sets of queries: means weighted by their numbers. */
export function pooled(all: readonly Scores[]): Scores {
  if (all.length === 1) return all[0]!;
  const queries = all.reduce((sum, scores) => sum + scores.queries, 0);
  const mean = (of: (scores: Scores) => number) =>
    all.reduce((sum, scores) => sum + of(scores) * scores.queries, 0) / queries;
  const measure = (of: (scores: Scores) => Scores['mapAtR']) => {
    const value = mean((scores) => of(scores).value);
    if (all.every((scores) => of(scores).bounds === undefined)) return { value };
    const pessimistic = mean((scores) => of(scores).bounds?.pessimistic ?? of(scores).value);
    const optimistic = mean((scores) => of(scores).bounds?.optimistic ?? of(scores).value);
    return { value, bounds: { pessimistic, optimistic } };
  };
  return {
    recallAt1: measure(({ recallAt1 }) => recallAt1),
    rPrecision: measure(({ rPrecision }) => rPrecision),
    mapAtR: measure(({ mapAtR }) => mapAtR),
    queries,
    lone: all.reduce((sum, scores) => sum + scores.lone, 0),
  };
}
