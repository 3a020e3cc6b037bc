// `attractor data check`: says what a data set holds and lists every row that cannot be used or contradicts another, before hours
// are spent on it. Exit code 2 where there is one.

import type { Command } from 'commander';
import type { DatasetCheck } from '../dataset/check.ts';
import { addSource, type SourceFlags } from './source-flags.ts';
import { watched } from './watched.ts';

interface CheckFlags extends SourceFlags {
  id?: string;
  bytes?: true;
  json?: true;
}

export function addData(program: Command): void {
  const command = program
    .command('data')
    .description('Look at data sets.')
    .command('check')
    .description(
      'Count images and classes and list every bad row: missing or not an image, without a label, under two labels. Exit code 2 where there is one.',
    );
  addSource(command)
    .option('--id <column>', 'column of the id (default: id or item_id, else the image path)')
    .option('--bytes', 'read the files whole, to find one image under two names')
    .option('--json', 'print everything as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  attractor data check --data catalogue.csv --label product_id --bytes',
    )
    .action(runCheck);
}

async function runCheck(flags: CheckFlags): Promise<void> {
  const { data: path, layout, images, label, image, id, bytes = false } = flags;
  const { scanDataset } = await import('../dataset/read.ts');
  const { checkDataset } = await import('../dataset/check.ts');
  const { sniff } = await import('../image/formats.ts');
  const dataset = await scanDataset({ path, layout, images, label, image, id });
  const check = await watched('', ({ signal, onProgress }) =>
    checkDataset({
      ...{ dataset, sniff, bytes, signal },
      onProgress: (progress) => onProgress({ phase: 'Reading images', ...progress }),
    }),
  );
  console.log(flags.json ? JSON.stringify(check, null, 2) : asText(check));
  if (check.fatal || check.images === 0) process.exitCode = 2;
}

function asText(check: DatasetCheck): string {
  const { images, classes, classSizes, splits, findings, counts, fatal } = check;
  const sizes = `${classSizes.least} to ${classSizes.most} images a class, median ${classSizes.median}`;
  return [
    `${images} images, ${classes} classes (${sizes})`,
    ...Object.entries(splits).map(
      ([name, part]) => `  ${name}: ${part.images} images, ${part.classes} classes`,
    ),
    ...findings.map(({ line, kind, reason }) => `${line > 0 ? `line ${line}` : 'all'}: ${kind}: ${reason}`),
    ...Object.entries(counts).map(([kind, count]) => `${count} ${kind}`),
    fatal ? 'There are rows to mend.' : images === 0 ? 'There is no image.' : 'Nothing is in the way.',
  ].join('\n');
}
