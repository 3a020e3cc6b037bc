// `attractor compare` and `attractor find-rate`: what to train with, before training. Options in, one library call, a table out.

import type { Command } from 'commander';
import { addShared, number, type SharedFlags, shared } from './recipe-flags.ts';
import { printProblems, watched } from './watched.ts';

export function addCompare(program: Command): void {
  const command = program
    .command('compare')
    .description(
      'Compare the frozen backbone, the closed forms and the losses on classes that none has seen, over several splits. Writes no model.',
    );
  addShared(command)
    .option('--test-classes <share>', 'share of the classes that are unseen', number, 0.5)
    .option('--seeds <count>', 'how many splits: seeds 1, 2, ...', number, 3)
    .addHelpText('after', '\nExample:\n  attractor compare --data catalogue.csv --label product_id')
    .action(runCompare);
}

async function runCompare(flags: SharedFlags & { seeds: number; testClasses: number }): Promise<void> {
  const { compare } = await import('../../training/compare.ts');
  const { alignedTable, comparisonRows, startLines } = await import('../../training/report/scores.ts');
  const seeds = Array.from({ length: flags.seeds }, (_, i) => i + 1);
  const comparison = await watched('', (watch) =>
    compare({ ...shared(flags), testClasses: flags.testClasses, ...watch, seeds }),
  );
  printProblems(comparison.problems);
  const { images, classes, runs } = comparison;
  const unseen = `${100 * flags.testClasses} % of the classes unseen, mean ± standard deviation over seeds 1 to ${runs.length}`;
  console.log(`${images} images in ${classes} classes; ${unseen}\n`);
  const tables = runs.map(({ results }) => results);
  console.log([alignedTable(comparisonRows(tables)), ...startLines(tables.flat())].join('\n'));
}

export function addFindRate(program: Command): void {
  const command = program
    .command('find-rate')
    .description(
      'Learning rate range test (Smith 2017): trains a head with a rate that rises from step to step and says where its loss falls fastest. Writes nothing.',
    );
  addShared(command)
    .option('--steps <count>', 'steps, each with a higher rate, from 1e-6 to 1', number, 200)
    .option('--seed <number>', 'of batches and start values', number, 1)
    .addHelpText(
      'after',
      '\nExample:\n  attractor find-rate --data catalogue.csv --label product_id --loss pfml',
    )
    .action(runFindRate);
}

const ROWS = 12;

async function runFindRate(flags: SharedFlags & { steps: number; seed: number }): Promise<void> {
  const { findRate } = await import('../../training/find-rate.ts');
  const { alignedTable } = await import('../../training/report/scores.ts');
  const found = await watched('', (watch) =>
    findRate({ ...shared(flags), ...watch, steps: flags.steps, seed: flags.seed }),
  );
  printProblems(found.problems);
  const { curve, suggested, diverged } = found;
  console.log(`${found.images} images in ${found.classes} classes; ${found.loss}, ${curve.length} steps\n`);
  const every = Math.max(1, Math.ceil(curve.length / ROWS));
  const rows = curve.filter((_, i) => i % every === 0 || i === curve.length - 1);
  console.log(
    alignedTable([
      ['rate', 'loss', 'smoothed'],
      ...rows.map((point) => [
        point.learningRate.toExponential(1),
        point.loss.toPrecision(4),
        point.smoothed.toPrecision(4),
      ]),
    ]),
  );
  const lost = diverged === undefined ? '' : `; what it gains is lost again at ${diverged.toExponential(1)}`;
  console.log(`\nThe loss falls fastest up to a rate of ${suggested.toExponential(1)}${lost}`);
  console.log(
    `Try: --rate ${Number((suggested / 10).toPrecision(1))} to ${Number(suggested.toPrecision(1))}`,
  );
}
