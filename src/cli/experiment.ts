// `attractor experiment run` and `report`: an experiment is a JSON file, its result a folder.

import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { AttractorError, asAttractorError } from '../errors/error.ts';
import { MODELS } from './model.ts';
import { watched } from './watched.ts';

interface RunFlags {
  out?: string;
  data: readonly (readonly [string, string])[];
  shard: { at: number; of: number };
  backbone: string;
  cache: string;
}

export function addExperiment(program: Command): void {
  const command = program
    .command('experiment')
    .description('Experiments as files: methods compared on equal terms.');
  command
    .command('run <files...>')
    .description('Run the cells of experiments that their folders have not already, and report on each.')
    .option('--out <folder>', 'results of one file (default: runs/<name of the file>)')
    .addOption(
      new Option('--data <name=path>', 'where a data set is; repeatable')
        .argParser(paths)
        .default([], 'where the file says'),
    )
    .addOption(
      new Option('--shard <i/n>', 'only every n-th cell, from the i-th on: for several processes')
        .argParser(shard)
        .default({ at: 1, of: 1 }, 'all cells'),
    )
    .option('--backbone <folder>', 'model folder of the frozen backbone', join(MODELS, 'inception-v3'))
    .option('--cache <folder>', 'feature cache; safe to delete', join('.cache', 'features'))
    .addHelpText(
      'after',
      '\nExample (where a file says where its data are, that is from the folder of the call):\n  attractor experiment run training/experiments/size.json --data furniture=shop/catalogue.csv',
    )
    .action(run);
  command
    .command('report <folder>')
    .description('Write report.html and summary.json from the results in a folder.')
    .action(report);
}

async function run(files: readonly string[], flags: RunFlags): Promise<void> {
  const { checkExperiment } = await import('../../training/experiments/check.ts');
  const { parseExperiment } = await import('../../training/experiments/schema.ts');
  const { runExperiment } = await import('../../training/experiments/run.ts');
  const { isCharges, parseCharges } = await import('../../training/experiments/charges-schema.ts');
  const { runCharges } = await import('../../training/experiments/charges.ts');
  const { shard, backbone, cache } = flags;
  const places = new Map(flags.data);
  if (flags.out !== undefined && files.length > 1)
    throw refused('out', `expected one file, whose results the folder gets, received ${files.length}`);
  // All are read before the first one, perhaps of hours, is run.
  const raceOf = async (file: string) => {
    const json = readJson(file);
    const out = flags.out ?? join('runs', basename(file, '.json'));
    if (isCharges(json)) return { file, out, charges: await inFile(file, () => parseCharges(json)) };
    const experiment = await inFile(file, () => parseExperiment(json));
    const data = experiment.data.map((one) => ({ ...one, path: places.get(one.name) ?? one.path }));
    return { file, out, experiment: { ...experiment, data } };
  };
  const races = await Promise.all(files.map(raceOf));
  const sets = races.flatMap(({ experiment }) => experiment?.data ?? []);
  for (const name of places.keys()) {
    if (!sets.some((one) => one.name === name)) {
      throw refused('data', `${files.join(', ')} has no data set "${name}"`);
    }
  }
  for (const { name, path } of sets) {
    if (!existsSync(path)) throw refused('data', `expected ${name}=<path>, as ${path} is not there`);
  }
  for (const { file, experiment } of races) {
    if (experiment) await inFile(file, () => checkExperiment({ experiment, backbone }));
  }
  const cpu = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  };
  const onCell = ({ key, at, of }: { key: string; at: number; of: number }) =>
    console.error(`${process.stderr.isTTY ? '\n' : ''}${at} of ${of}: ${key}`);
  for (const { out, charges, experiment } of races) {
    const cells = await watched('', (watch) => {
      const common = { out, shard, onCell, ...watch };
      return charges
        ? runCharges({ experiment: charges, ...common })
        : runExperiment({ experiment, backbone, cache, cpu, ...common });
    });
    if (shard.of === 1) await report(out);
    else console.log(`cells run: ${cells}; when all are: attractor experiment report ${out}`);
  }
}

const refused = (field: string, message: string) =>
  new AttractorError('invalid_argument', `--${field}: ${message}`, { field });

async function report(folder: string): Promise<void> {
  const { writeReport } = await import('../../training/experiments/report.ts');
  const { tables, note } = await writeReport({ folder });
  for (const { title, verdict, text } of tables) console.log(`${title}\n\n${text}\n\n${verdict}\n`);
  if (note) console.log(`${note}\n`);
  console.log(join(folder, 'report.html'));
}

/** Errors name the file too. */
async function inFile<T>(file: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    const { code, message, field } = asAttractorError(thrown);
    throw code === 'internal' ? thrown : new AttractorError(code, `${file}: ${message}`, { field });
  }
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const text = code === 'ENOENT' ? `no such file: ${file}` : `${file}: ${message}`;
    throw new AttractorError('invalid_argument', text, { field: 'file' });
  }
}

function paths(text: string, earlier: readonly (readonly [string, string])[]) {
  const cut = text.indexOf('=');
  if (cut < 1) throw new InvalidArgumentError('expected name=path.');
  return [...earlier, [text.slice(0, cut), text.slice(cut + 1)] as const];
}

function shard(text: string): { at: number; of: number } {
  const [at, of] = text.split('/').map(Number);
  if (!(Number.isInteger(at) && Number.isInteger(of) && at! >= 1 && at! <= of!)) {
    throw new InvalidArgumentError('expected i/n with i from 1 to n, as 1/2.');
  }
  return { at: at!, of: of! };
}
