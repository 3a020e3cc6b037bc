// attractor <command>: names the commands and turns errors into exit codes. Each command is one library call; what a command
// needs is loaded when it runs.

import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { type AttractorError, asAttractorError, withoutPrefix } from '../errors/error.ts';
import { addCompare, addFindRate } from './compare.ts';
import { addConfig } from './config.ts';
import { addData } from './data.ts';
import { addDoctor } from './doctor.ts';
import { addDuplicates } from './duplicates.ts';
import { addExperiment } from './experiment.ts';
import { addImport } from './import.ts';
import { addKey } from './key.ts';
import { addModel } from './model.ts';
import { settingsProblem } from './settings.ts';
import { addSnapshot } from './snapshot.ts';
import { addTrain } from './train.ts';

/** docs/operations.md has what they mean. */
function exitCode(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const { code, status } = asAttractorError(error);
  if (code === 'aborted') return 130;
  return status < 500 ? 2 : 1;
}

const program = new Command('attractor')
  .description('Train an image embedding on your own labels and search your catalogue with it.')
  .version(JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version)
  .showHelpAfterError('(--help lists the options)')
  .exitOverride();

addTrain(program);
addCompare(program);
addFindRate(program);
addExperiment(program);
addData(program);
addImport(program);
addModel(program);
addSnapshot(program);
addKey(program);
addDuplicates(program);
addConfig(program);
addDoctor(program);

let ran = program;

/** Fields of the library that are set by an option of another name. */
const SET_BY: Readonly<Record<string, string>> = {
  learningRate: 'rate',
  classesPerBatch: 'batch',
  samplesPerClass: 'batch',
  directory: 'folder',
  // attractor import
  label: 'group',
};

/** The error in the words of the command line: what the library calls `testClasses` is `--test-classes` here. */
function inOptions(error: AttractorError): AttractorError {
  const { field = '' } = error;
  const named = (name: string | undefined) => ran.options.find((one) => one.attributeName() === name);
  const option = named(field) ?? named(SET_BY[field]);
  return option?.long ? withoutPrefix(error, field, option.long) : error;
}

// Once, and not before a command that says it better.
program.hook('preAction', (_, command) => {
  ran = command;
  const problem = settingsProblem();
  if (problem && command.name() !== 'config') console.error(`warning: ${problem}`);
});

// `attractor ... | head`: whoever reads has seen enough.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCode(error);
  const known = inOptions(asAttractorError(error));
  // Commander and Ctrl-C have said it; an unknown failure shows its cause, since nobody else will.
  if (!(error instanceof CommanderError) && known.code !== 'aborted') {
    console.error(`error: ${known.message}`);
    if (known.code === 'internal') console.error(known.cause);
  }
}
