// `attractor snapshot` and `attractor restore`: the store of a data folder in one file, and back.

import type { Command } from 'commander';
import { setting } from './settings.ts';

const FOLDER = setting('ATTRACTOR_DATA') ?? 'data';

export function addSnapshot(program: Command): void {
  program
    .command('snapshot')
    .description(
      'Write everything that is stored into one checksummed file. A server may be running meanwhile. API keys are not in it: keep keys.db of the folder, and the models, beside it.',
    )
    .argument('<file>', 'the snapshot; must not exist')
    .option('--folder <folder>', "the server's data folder", FOLDER)
    .addHelpText('after', '\nExample:\n  attractor snapshot backup-$(date +%F).snapshot')
    .action(async (path: string, { folder }: { folder: string }) => {
      const { takeSnapshot } = await import('../store/snapshot.ts');
      const { bytes, sha256 } = await takeSnapshot({ directory: folder, path });
      console.log(`${path}: ${(bytes / 2 ** 20).toFixed(1)} MiB, sha256 ${sha256}`);
    });
  program
    .command('restore')
    .description(
      'Make a data folder of a snapshot. Indexes are built again when a server opens it. API keys are not in a snapshot: copy keys.db into the folder, or whoever asks the server needs none.',
    )
    .argument('<file>', 'the snapshot')
    .option('--folder <folder>', 'the data folder; must have no store', FOLDER)
    .action(async (path: string, { folder }: { folder: string }) => {
      const { restoreSnapshot } = await import('../store/snapshot.ts');
      const { sha256 } = await restoreSnapshot({ path, directory: folder });
      console.log(`${folder}: restored, sha256 ${sha256}`);
    });
}
