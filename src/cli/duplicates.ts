// `attractor duplicates`: pictures that a collection has more than once, or nearly so.

import { type Command, InvalidArgumentError } from 'commander';
import { invalid } from '../errors/error.ts';
import { openFolder } from './data-folder.ts';
import { MODELS } from './model.ts';
import { number } from './recipe-flags.ts';
import { setting } from './settings.ts';
import { watched } from './watched.ts';

interface DuplicateFlags {
  collection: string;
  threshold: number;
  acrossGroups?: boolean;
  json?: boolean;
  folder: string;
}

const SHOWN = 20;

const ROUTE = 'POST /v1/collections/<name>/duplicates';

export function addDuplicates(program: Command): void {
  program
    .command('duplicates')
    .description(
      `List the near-duplicates of a collection, largest cluster first. Compares every pair. While a server runs, ask it: ${ROUTE}.`,
    )
    .requiredOption('--collection <name>', 'the collection')
    .option('--threshold <cosine>', 'from which on two pictures are the same', cosine, 0.98)
    .option('--across-groups', 'only those that show more than one product')
    .option('--json', 'all of them, one cluster per line')
    .option('--folder <folder>', "the server's data folder", setting('ATTRACTOR_DATA') ?? 'data')
    .addHelpText(
      'after',
      '\nExample:\n  attractor duplicates --collection shop --threshold 0.99 --across-groups',
    )
    .action(runDuplicates);
}

/** Told before the folder is opened. */
function cosine(text: string): number {
  const value = number(text);
  if (Math.abs(value) > 1) throw new InvalidArgumentError('expected a number from -1 to 1.');
  return value;
}

async function runDuplicates(flags: DuplicateFlags): Promise<void> {
  const { collection: name, threshold, acrossGroups, folder } = flags;
  const { hasStore } = await import('../store/reader.ts');
  // To open it would make it.
  if (!hasStore({ directory: folder })) throw invalid('folder', 'a data folder', folder);
  const catalogue = await openFolder({ folder, models: MODELS, model: 'furniture', instead: ROUTE });
  try {
    const collection = catalogue.collection(name);
    const clusters = await watched('', ({ signal, onProgress }) =>
      collection.duplicates({
        threshold,
        acrossGroups,
        signal,
        onProgress: ({ done, total }) => onProgress({ phase: 'Comparing', done, total }),
      }),
    );
    if (flags.json) {
      for (const cluster of clusters) console.log(JSON.stringify(cluster.items));
      return;
    }
    const items = clusters.reduce((sum, cluster) => sum + cluster.items.length, 0);
    const found = clusters.length === 1 ? '1 cluster' : `${clusters.length} clusters`;
    console.log(`${name}: ${items} of ${collection.info.count} items in ${found}`);
    for (const { items } of clusters.slice(0, SHOWN)) {
      console.log(`  ${items.map(({ id, group }) => (id === group ? id : `${id} (${group})`)).join(', ')}`);
    }
    if (clusters.length > SHOWN) console.log(`  and ${clusters.length - SHOWN} more: --json has all`);
  } finally {
    await catalogue.close();
  }
}
