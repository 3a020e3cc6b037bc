// `attractor import`: a data set into a collection of a data folder that no server has open. Run again, it goes on
// where it was stopped.

import { type Command, Option } from 'commander';
import { PRECISIONS, type Precision } from '../model/load.ts';
import type { ImportReport } from '../tasks/import.ts';
import { openFolder } from './data-folder.ts';
import { MODELS } from './model.ts';
import { setting } from './settings.ts';
import { printProblems, watched } from './watched.ts';

interface ImportFlags {
  data: string;
  images?: string;
  group?: string;
  image?: string;
  id?: string;
  collection: string;
  model: string;
  precision: Precision;
  models: string;
  folder: string;
}

export function addImport(program: Command): void {
  program
    .command('import')
    .description(
      'Add the images of a data set to a collection. What is there already is not embedded again. While a server runs, send items over HTTP instead.',
    )
    .requiredOption('--data <path>', 'CSV or JSONL file, or a folder with one sub-folder per product')
    .requiredOption('--collection <name>', 'made where it does not exist')
    .option('--images <folder>', "folder that a file's image paths are relative to (default: its own)")
    .option('--group <column>', 'column of the product id (default: label, group, product_id or class)')
    .option('--image <column>', 'column of the image path (default: image, path, file or filename)')
    .option('--id <column>', 'column of the item id (default: id or item_id, else the image path)')
    .option('--model <name>', 'model of a new collection', setting('ATTRACTOR_MODEL') ?? 'furniture')
    .addOption(
      new Option('--precision <name>', 'of the model on CPU; as the server runs it: their vectors never mix')
        .choices(PRECISIONS)
        .default(setting('ATTRACTOR_PRECISION') ?? 'fp32'),
    )
    .option('--models <folder>', 'where the models are', setting('ATTRACTOR_MODELS') ?? MODELS)
    .option('--folder <folder>', "the server's data folder", setting('ATTRACTOR_DATA') ?? 'data')
    .addHelpText(
      'after',
      '\nExample:\n  attractor import --data catalogue.csv --group product_id --collection shop',
    )
    .action(runImport);
}

async function runImport(flags: ImportFlags): Promise<void> {
  const { readDataset } = await import('../dataset/read.ts');
  const { data: path, images, group: label, image, id } = flags;
  const { rows, problems, warnings = [] } = await readDataset({ path, images, label, image, id });
  const catalogue = await openFolder({ ...flags, instead: 'POST /v1/collections/<name>/import' });
  let report: ImportReport;
  try {
    const { importRows, openCollection } = await import('../tasks/import.ts');
    const collection = await openCollection({ catalogue, name: flags.collection });
    report = await watched('', ({ signal, onProgress }) =>
      importRows({
        collection,
        rows,
        signal,
        onProgress: ({ done, total }) => onProgress({ phase: 'Importing', done, total }),
      }),
    );
  } finally {
    await catalogue.close();
  }
  printProblems([...problems, ...report.failed].sort((a, b) => a.line - b.line));
  for (const { reason } of warnings) console.error(`warning: ${reason}`);
  const { created, updated, unchanged } = report;
  console.log(`${flags.collection}: ${created} created, ${updated} updated, ${unchanged} unchanged`);
  if (problems.length + report.failed.length > 0) process.exitCode = 1;
}
