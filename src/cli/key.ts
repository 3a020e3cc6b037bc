// `attractor key create | list | revoke`: API keys of a data folder. A server may be running: it heeds the change at the next call.

import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { AttractorError } from '../errors/error.ts';
import type { KeyStore, Scope } from '../store/keys.ts';
import { setting } from './settings.ts';

interface CreateFlags {
  scope: Scope;
  collection?: string[];
  note?: string;
  rate?: number;
  folder: string;
}

const SCOPES: Scope[] = ['search', 'write', 'admin'];
const COLLECTION = /^[A-Za-z0-9][\w-]{0,63}$/;

const LAST =
  'warning: no key is left. A server that runs goes on asking for one. Started without any, and without ATTRACTOR_ADMIN_KEY, ' +
  'it answers everybody on its machine, so whoever comes through a proxy there too, and does not start where HOST is another.';

export function addKey(program: Command): void {
  const key = program
    .command('key')
    .description('Make, list and revoke API keys. A server may be running meanwhile.');
  const folder = () =>
    new Option('--folder <folder>', "the server's data folder").default(setting('ATTRACTOR_DATA') ?? 'data');
  key
    .command('create')
    .description(
      'Make a key and print it: it is shown only now. With the first key the server asks everybody for one.',
    )
    .addOption(
      new Option('--scope <scope>', 'each may do what those before it may')
        .choices(SCOPES)
        .makeOptionMandatory(),
    )
    .option('--collection <name...>', 'only these collections (default: all)', collection)
    .option('--note <text>', 'what it is for')
    .option('--rate <calls>', "calls a minute, instead of the server's limit", rate)
    .addOption(folder())
    .addHelpText(
      'after',
      '\nExample:\n  attractor key create --scope search --collection shop --note "web shop"',
    )
    .action(async ({ scope, collection, note, rate, folder }: CreateFlags) => {
      const { hasStore, readNames } = await import('../store/reader.ts');
      const stored = hasStore({ directory: folder });
      const names = readNames({ directory: folder });
      await withKeys(
        folder,
        (keys) => {
          const created = new Date().toISOString();
          const made = keys.create({
            scope,
            collections: collection,
            note,
            rate,
            created,
            secret: randomBytes(32),
          });
          const where = resolve(folder);
          console.error(`Key ${made.id} (${scope}) of ${where}. Keep it: it cannot be shown again.`);
          // A server that is somewhere else never reads it, and stays as open as it was.
          if (!stored) console.error(`warning: no server has used ${where} yet`);
          // It may come later, so the key is good.
          for (const name of collection?.filter((one) => !names.has(one)) ?? [])
            console.error(`warning: there is no collection or alias ${name} yet`);
          console.log(made.key);
        },
        true,
      );
    });
  key
    .command('list')
    .description('All keys, without their secrets.')
    .addOption(folder())
    .action(async ({ folder }: { folder: string }) => {
      await withKeys(folder, (keys) => {
        if (keys.empty) console.error('There is no key.');
        for (const { id, scope, collections, rate, created, note } of keys.list()) {
          const limit = rate === undefined ? '' : `  ${rate}/min`;
          console.log(
            `${id}  ${scope.padEnd(6)}  ${collections?.join(',') ?? 'all collections'}${limit}  ${created}  ${note}`,
          );
        }
      });
    });
  key
    .command('revoke')
    .description('End a key. Calls that are being answered are finished.')
    .argument('<id>', 'as list shows it')
    .addOption(folder())
    .action(async (id: string, { folder }: { folder: string }) => {
      await withKeys(folder, (keys) => {
        if (!keys.revoke(id)) {
          throw new AttractorError(
            'invalid_argument',
            `id: expected one that "key list" shows, received ${id}`,
            { field: 'id' },
          );
        }
        console.log(`${id}: revoked`);
        if (keys.empty) console.error(LAST);
      });
    });
}

async function withKeys(folder: string, work: (keys: KeyStore) => void, make = false): Promise<void> {
  const { KEYS_FILE, openKeys } = await import('../store/keys.ts');
  // Only who makes a key makes a folder for it.
  if (!make && !existsSync(join(folder, KEYS_FILE))) {
    const message = `folder: expected a data folder with API keys, received ${folder}, which has none`;
    throw new AttractorError('invalid_argument', message, { field: 'folder', received: folder });
  }
  const keys = openKeys({ directory: folder });
  try {
    work(keys);
  } finally {
    keys.close();
  }
}

function collection(name: string, before: string[] = []): string[] {
  if (!COLLECTION.test(name)) throw new InvalidArgumentError('expected the name of a collection.');
  return [...before, name];
}

function rate(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('expected an integer above 0.');
  return value;
}
