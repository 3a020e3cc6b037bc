// `attractor train` and `attractor compare`: options in, one library call, a table out.

import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Condition } from '../dataset/where.ts';
import { MODELS } from './model.ts';
import { printProblems, watched } from './watched.ts';

interface SharedFlags {
  data: string;
  label?: string;
  image?: string;
  where: Condition[];
  whereNot: Condition[];
  backbone: string;
  cache: string;
  loss: string;
  folds: number;
  trials: number;
  audit: 'auto' | 'on' | 'off';
  dimension?: number;
  epochs?: number;
  rate?: number;
  batch: readonly [number, number];
  holdoutClasses: number;
  refit: boolean;
  testClasses: number;
}

export function addTrain(program: Command): void {
  const command = program
    .command('train')
    .description(
      'Train an embedding on labelled images and write it as a model folder. A class is all images with one label; classes held out for validation choose the method, its settings and the epoch.',
    )
    .requiredOption('--out <folder>', 'model folder to write, e.g. models/shop');
  addShared(command)
    .option('--test-classes <share>', 'share of the classes held out entirely and scored once', number, 0)
    .option('--seed <number>', 'of splits, batches and start values', number, 1)
    .option(
      '--train <what>',
      'head; or last:<blocks>, last:<block> or all: the backbone too, from the head on',
      'head',
    )
    .option('--tune-epochs <number>', 'of training the backbone', number, 8)
    .option('--tune-rates <list>', 'learning rates of the backbone to try', numbers, [3e-4])
    .addOption(
      new Option('--engine <name>', 'what trains; see attractor doctor')
        .choices(['auto', 'ort', 'tfjs'])
        .default('auto'),
    )
    .addOption(new Option('--device <name>', 'where').choices(['auto', 'cpu', 'cuda']).default('auto'))
    .option('--link-backbone', 'store the head and a reference to the backbone, not one whole graph')
    .option('--run <folder>', 'checkpoints (default: runs/<name of the model>)')
    .option('--resume', 'go on from the checkpoints of the same command')
    .addHelpText(
      'after',
      '\nExample:\n  attractor train --data catalogue.csv --label product_id --test-classes 0.2 --out models/shop',
    )
    .action(runTrain);
}

interface TrainFlags extends SharedFlags {
  out: string;
  seed: number;
  train: string;
  tuneEpochs: number;
  tuneRates: readonly number[];
  engine: 'auto' | 'ort' | 'tfjs';
  device: 'auto' | 'cpu' | 'cuda';
  linkBackbone?: boolean;
  run?: string;
  resume?: boolean;
}

async function runTrain(flags: TrainFlags): Promise<void> {
  const { train } = await import('../../training/train.ts');
  const { auditLines, marginLines, tuneLines } = await import('../../training/report/card.ts');
  const { alignedTable, scoreRows } = await import('../../training/report/scores.ts');
  const run = flags.run ?? join('runs', basename(flags.out));
  const report = await watched('--resume', (watch) =>
    train({
      ...shared(flags),
      ...watch,
      out: flags.out,
      seed: flags.seed,
      train: flags.train,
      tuneEpochs: flags.tuneEpochs,
      tuneRates: flags.tuneRates,
      engine: flags.engine,
      device: flags.device,
      linkBackbone: flags.linkBackbone,
      run,
      resume: flags.resume,
      date: new Date().toISOString().slice(0, 10),
    }),
  );
  const { facts } = report;
  printProblems(report.problems);
  console.log(`${facts.images} images in ${facts.classes} classes\n`);
  for (const line of auditLines(facts)) console.log(`${line}\n`);
  if (report.audit !== undefined && facts.audit!.relabelled + facts.audit!.dropped > 0) {
    await mkdir(run, { recursive: true });
    await writeFile(join(run, 'audit.csv'), report.audit);
    console.log(`Every decision, with its nearest images: ${join(run, 'audit.csv')}\n`);
  }
  console.log('Validation classes, which chose method, settings and epoch:');
  console.log(alignedTable(scoreRows(facts.validation)));
  if (facts.test) console.log(`\nTest classes, seen by nothing:\n${alignedTable(scoreRows(facts.test))}`);
  console.log(`\n${[...marginLines(facts), ...tuneLines(facts)].join('\n')}`);
  const settings = Object.entries(facts.chosen).map(([name, value]) => `${name} ${value}`);
  console.log(`\n${facts.method}${settings.length > 0 ? ` with ${settings.join(', ')}` : ''}`);
  console.log(`${flags.out}: ${facts.dimension} numbers per image, ${report.fingerprint}`);
}

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

async function runCompare(flags: SharedFlags & { seeds: number }): Promise<void> {
  const { compare } = await import('../../training/compare.ts');
  const { alignedTable, comparisonRows } = await import('../../training/report/scores.ts');
  const seeds = Array.from({ length: flags.seeds }, (_, i) => i + 1);
  const comparison = await watched('', (watch) => compare({ ...shared(flags), ...watch, seeds }));
  printProblems(comparison.problems);
  const { images, classes, runs } = comparison;
  const unseen = `${100 * flags.testClasses} % of the classes unseen, mean ± standard deviation over seeds 1 to ${runs.length}`;
  console.log(`${images} images in ${classes} classes; ${unseen}\n`);
  console.log(alignedTable(comparisonRows(runs.map(({ results }) => results))));
}

function addShared(command: Command): Command {
  return command
    .requiredOption('--data <path>', 'CSV or JSONL file, or a folder with one sub-folder per class')
    .option('--label <column>', 'column of the class (default: label, group, product_id or class)')
    .option('--image <column>', 'column of the image path (default: image, path, file or filename)')
    .addOption(conditions('--where <column=a,b>', 'only rows with one of these values; repeatable', false))
    .addOption(
      conditions('--where-not <column=a,b>', 'only rows with none of these values; repeatable', true),
    )
    .option('--backbone <folder>', 'model folder of the frozen backbone', join(MODELS, 'inception-v3'))
    .option('--cache <folder>', 'feature cache; safe to delete', join('.cache', 'features'))
    .option('--loss <name>', 'pca, lda, whitening or a loss; auto lets all of them race', 'auto')
    .option('--trials <count>', 'settings that each method may try on the validation classes', number, 4)
    .option('--folds <count>', 'class splits that the choice is made over', number, 3)
    .addOption(
      new Option(
        '--audit <mode>',
        'drop or relabel labels that sit in the field of another class; auto: unless it harms',
      )
        .choices(['auto', 'on', 'off'])
        .default('auto'),
    )
    .option(
      '--dimension <number>',
      'length of an embedding (default: 128, or longer where that wins)',
      number,
    )
    .option('--epochs <number>', 'passes over the images (default: 20)', number)
    .option('--rate <number>', 'learning rate (default: 0.001)', number)
    .addOption(
      new Option('--batch <classesximages>', 'classes per batch x images of each')
        .argParser(batch)
        .default([25, 4], '25x4'),
    )
    .option('--holdout-classes <share>', 'share of the training classes that validate', number, 0.2)
    .option('--no-refit', 'keep the validation classes out of the final fit');
}

function shared(flags: SharedFlags) {
  const [classesPerBatch, samplesPerClass] = flags.batch;
  const { label, image, backbone, cache, loss, dimension, epochs, holdoutClasses, refit, testClasses } =
    flags;
  const { trials, folds, audit } = flags;
  return {
    data: { path: flags.data, label, image },
    where: [...flags.where, ...flags.whereNot],
    learningRate: flags.rate,
    ...{ backbone, cache, loss, dimension, epochs, holdoutClasses, refit, testClasses },
    ...{ classesPerBatch, samplesPerClass, trials, folds, audit },
  };
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('expected a number.');
  return value;
}

const numbers = (text: string): number[] => text.split(',').map(number);

function batch(text: string): readonly [number, number] {
  const match = /^(\d+)x(\d+)$/.exec(text);
  if (!match) throw new InvalidArgumentError('expected classes x images, as 25x4.');
  return [Number(match[1]), Number(match[2])];
}

function conditions(flags: string, description: string, not: boolean): Option {
  const add = (text: string, earlier: readonly Condition[]): Condition[] => {
    const cut = text.indexOf('=');
    if (cut < 1) throw new InvalidArgumentError('expected column=value,value.');
    return [...earlier, { column: text.slice(0, cut), values: text.slice(cut + 1).split(','), not }];
  };
  return new Option(flags, description).argParser(add).default([], 'all rows');
}
