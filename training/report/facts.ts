// What a run was and found, gathered for the card, the manifest and the command line. Wording is card.ts's.

import { basename, resolve } from 'node:path';
import { conditionText } from '../../src/dataset/where.ts';
import type { LinearMap } from '../baselines/linear-map.ts';
import type { Fit, FittedHead } from '../fit/fit.ts';
import type { Prepared } from '../prepare.ts';
import type { Recipe } from '../recipe.ts';
import type { TestSplit } from '../test-split.ts';
import type { TrainOptions } from '../train.ts';
import type { TuneStep } from '../tune.ts';
import type { RunFacts } from './card.ts';

export function factsOf(run: {
  options: TrainOptions;
  name: string;
  recipe: Recipe;
  prepared: Prepared;
  split: TestSplit;
  fit: Fit;
  /** The head that won. */
  trained: FittedHead;
  /** What is exported: its, or that of the tuned backbone. */
  map: LinearMap;
  tuned: TuneStep | undefined;
  /** The same where it is what is exported. */
  grown: TuneStep | undefined;
  test: RunFacts['test'];
}): RunFacts {
  const { options, name, recipe, prepared, split, fit, trained, map, tuned, grown, test } = run;
  const { backbone, rows, classes } = prepared;
  const { audit } = fit;
  const relabelled = audit?.decisions.filter(({ verdict }) => verdict === 'relabelled').length ?? 0;
  return {
    recipe,
    holdoutClasses: fit.holdoutClasses,
    name,
    date: options.date,
    dataset: {
      name: basename(resolve(options.data.path)),
      label: options.data.label ?? 'label',
      where: (options.where ?? []).map(conditionText),
      across: options.across,
    },
    images: rows.length,
    classes,
    backbone: { name: backbone.name, fingerprint: backbone.fingerprint },
    ...{
      testClasses: options.testClasses ?? 0,
      ownSplit: split.own,
      gallery: split.sides?.gallery.length,
      views: options.views ?? 1,
    },
    method: trained.method,
    dimension: map.outputs,
    chosen: trained.chosen,
    winner: fit.winner,
    validation: fit.validation,
    margins: fit.margins,
    audit: audit && {
      ...{ used: audit.used, gain: audit.gain },
      ...{ relabelled, dropped: audit.decisions.length - relabelled },
    },
    test,
    tuned: tuned && {
      ...{ ...tuned.chosen, train: recipe.train, start: tuned.start },
      ...{ before: tuned.before, after: tuned.after, used: grown !== undefined },
    },
  };
}
