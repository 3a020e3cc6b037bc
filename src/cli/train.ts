// `attractor train`: options in, one library call, tables out.

import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Command, Option } from 'commander';
import { addShared, number, numbers, type SharedFlags, shared } from './recipe-flags.ts';
import { printProblems, watched } from './watched.ts';

export function addTrain(program: Command): void {
  const command = program
    .command('train')
    .description(
      'Train an embedding on labelled images and write it as a model folder. A class is all images with one label; classes held out for validation choose the method, its settings and the epoch.',
    )
    .requiredOption('--out <folder>', 'model folder to write, e.g. models/shop');
  addShared(command)
    .option(
      '--test-classes <share>',
      "share of the classes held out entirely and scored once (default: the data set's own test classes, else none)",
      number,
    )
    .option('--seed <number>', 'of splits, batches and start values', number, 1)
    .option(
      '--train <what>',
      'head; or last:<blocks>, last:<block> or all: the backbone too, from the head on',
      'head',
    )
    .option('--tune-epochs <number>', 'of training the backbone', number, 8)
    .addOption(
      new Option('--tune-rates <list>', 'learning rates of the backbone to try')
        .argParser(numbers)
        .default([3e-4], '0.0003'),
    )
    .addOption(
      new Option('--engine <name>', 'what trains; see attractor doctor')
        .choices(['auto', 'ort', 'tfjs'])
        .default('auto'),
    )
    .addOption(new Option('--device <name>', 'where').choices(['auto', 'cpu', 'cuda']).default('auto'))
    .option(
      '--replace',
      'write over a model that --out holds already; collections made by that one need it back to be searched',
    )
    .option('--link-backbone', 'store the head and a reference to the backbone, not one whole graph')
    .option('--audit-keep <file>', 'an audit.csv with "yes" in column keep beside the labels that are right')
    .option('--run <folder>', 'checkpoints (default: runs/<name of the model>)')
    .option('--resume', 'go on from the checkpoints of the same command, and over the model that it wrote')
    .addHelpText(
      'after',
      '\nExample:\n  attractor train --data catalogue.csv --label product_id --test-classes 0.2 --out models/shop',
    )
    .action(runTrain);
}

interface TrainFlags extends SharedFlags {
  out: string;
  replace?: boolean;
  testClasses?: number;
  seed: number;
  train: string;
  tuneEpochs: number;
  tuneRates: readonly number[];
  engine: 'auto' | 'ort' | 'tfjs';
  device: 'auto' | 'cpu' | 'cuda';
  linkBackbone?: boolean;
  auditKeep?: string;
  run?: string;
  resume?: boolean;
}

async function runTrain(flags: TrainFlags): Promise<void> {
  const { train } = await import('../../training/train.ts');
  const { auditLines, counts, marginLines, markedRows, testTitle, tuneLines } = await import(
    '../../training/report/card.ts'
  );
  const { alignedTable, startLines } = await import('../../training/report/scores.ts');
  const run = flags.run ?? join('runs', basename(flags.out));
  const report = await watched('--resume', (watch) =>
    train({
      ...shared(flags),
      testClasses: flags.testClasses,
      ...watch,
      out: flags.out,
      replace: flags.replace,
      seed: flags.seed,
      train: flags.train,
      tuneEpochs: flags.tuneEpochs,
      tuneRates: flags.tuneRates,
      engine: flags.engine,
      device: flags.device,
      linkBackbone: flags.linkBackbone,
      run,
      auditKeep: flags.auditKeep,
      resume: flags.resume,
      date: new Date().toISOString().slice(0, 10),
    }),
  );
  const { facts } = report;
  printProblems(report.problems);
  console.log(`${facts.images} images in ${facts.classes} classes\n`);
  for (const line of auditLines(facts)) console.log(`${line}\n`);
  if (report.audit !== undefined) {
    const file = join(run, 'audit.csv');
    await mkdir(run, { recursive: true });
    await writeFile(file, report.audit);
    if (facts.audit!.relabelled + facts.audit!.dropped > 0) {
      console.log(`Every decision, with its nearest images: ${file}`);
      console.log(
        `Where a label is right after all: write yes beside it and train with --audit-keep ${file}\n`,
      );
    }
  }
  const show = (title: string, results: NonNullable<typeof facts.test>) =>
    console.log(
      [
        `${title} (${counts(results)}):`,
        alignedTable(markedRows(facts, results)),
        ...startLines(results),
        '',
      ].join('\n'),
    );
  show('Validation classes, which chose method, settings and epoch', facts.validation);
  if (facts.test) show(`${testTitle(facts)}, seen by nothing`, facts.test);
  console.log(`${[...marginLines(facts), ...tuneLines(facts)].join('\n')}`);
  const settings = Object.entries(facts.chosen).map(([name, value]) => `${name} ${value}`);
  console.log(`\n* Exported: ${facts.method}${settings.length > 0 ? ` with ${settings.join(', ')}` : ''}`);
  console.log(`${flags.out}: ${facts.dimension} numbers per image, ${report.fingerprint}`);
  console.log(`More about it: ${join(flags.out, 'MODEL_CARD.md')}`);
}
