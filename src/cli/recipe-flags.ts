// The options that train, compare and find-rate have in common: the data, the methods and how heads are trained.

import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { AugmentKind } from '../../training/augment/augmentation.ts';
import type { Condition } from '../dataset/where.ts';
import { MODELS } from './model.ts';
import { addSource, type SourceFlags } from './source-flags.ts';

export interface SharedFlags extends SourceFlags {
  where: Condition[];
  whereNot: Condition[];
  across?: string;
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
  holdoutClasses?: number;
  refit: boolean;
  views: number;
  augment?: readonly AugmentKind[];
  sampler?: 'm-per-class' | 'random';
  optimizer?: 'adamw' | 'adam' | 'sgd';
  weightDecay?: number;
  warmupEpochs?: number;
  clipNorm?: number;
  ema?: number;
}

export function addShared(command: Command): Command {
  return addSource(command)
    .addOption(conditions('--where <column=a,b>', 'only rows with one of these values; repeatable', false))
    .addOption(
      conditions('--where-not <column=a,b>', 'only rows with none of these values; repeatable', true),
    )
    .option(
      '--across <column>',
      'judge by finding images with another value of it (shop, day, photographer) only (default: all images)',
    )
    .option('--backbone <folder>', 'model folder of the frozen backbone', join(MODELS, 'inception-v3'))
    .option('--cache <folder>', 'feature cache; safe to delete', join('.cache', 'features'))
    .option('--views <count>', 'of each image for training heads: itself, and others augmented', number, 1)
    .option(
      '--augment <list>',
      'what is done to the others: crop, flip, colour, blur, jpeg, background (default: crop,jpeg,blur)',
      (text: string) => text.split(','),
    )
    .option('--loss <name>', 'pca, lda, plda, whitening or a loss; auto lets all of them race', 'auto')
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
      'length of an embedding (default: 512, or as long as the data allow)',
      number,
    )
    .option('--epochs <number>', 'passes over the images (default: 20)', number)
    .option('--rate <number>', 'learning rate (default: 0.001)', number)
    .addOption(
      new Option('--batch <classesximages>', 'classes per batch x images of each')
        .argParser(batch)
        .default([25, 4], '25x4'),
    )
    .addOption(
      new Option('--sampler <name>', 'how batches are drawn (default: m-per-class)').choices([
        'm-per-class',
        'random',
      ]),
    )
    .addOption(
      new Option('--optimizer <name>', 'of heads (default: adamw)').choices(['adamw', 'adam', 'sgd']),
    )
    .option('--weight-decay <number>', 'of heads (default: 0.0001)', number)
    .option('--warmup-epochs <number>', 'in which the rate rises from 0 (default: 0)', number)
    .option('--clip-norm <number>', 'largest norm of a gradient, 0: any (default: 0)', number)
    .option(
      '--ema <decay>',
      'keep the mean of recent values of a head, 0: its last ones (default: 0)',
      number,
    )
    .option(
      '--holdout-classes <share>',
      'share of the training classes that validate (default: 0.2, more of fewer than 100)',
      number,
    )
    .option('--no-refit', 'keep the validation classes out of the final fit');
}

export function shared(flags: SharedFlags) {
  const [classesPerBatch, samplesPerClass] = flags.batch;
  const { label, image, backbone, cache, loss, dimension, epochs, holdoutClasses, refit } = flags;
  const { trials, folds, audit, layout, images, views, augment } = flags;
  const { sampler, optimizer, weightDecay, warmupEpochs, clipNorm, ema } = flags;
  return {
    data: { path: flags.data, layout, images, label, image },
    ...{ views, augment, sampler, optimizer, weightDecay, warmupEpochs, clipNorm, ema },
    where: [...flags.where, ...flags.whereNot],
    across: flags.across,
    learningRate: flags.rate,
    ...{ backbone, cache, loss, dimension, epochs, holdoutClasses, refit },
    ...{ classesPerBatch, samplesPerClass, trials, folds, audit },
  };
}

export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('expected a number.');
  return value;
}

export const numbers = (text: string): number[] => text.split(',').map(number);

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
