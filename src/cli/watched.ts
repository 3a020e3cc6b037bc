// What every long command has in common: a progress bar, Ctrl-C with a word on how to go on, and a list of bad rows.

import type { DatasetProblem } from '../dataset/row.ts';
import { asAttractorError } from '../errors/error.ts';
import { createProgress, type ProgressDisplay } from './progress.ts';

/** Runs with a progress bar and Ctrl-C; says how to go on where it was stopped. A second Ctrl-C kills. */
export async function watched<T>(
  extra: '--resume' | '',
  work: (watch: { signal: AbortSignal; onProgress: ProgressDisplay['show'] }) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const progress = createProgress();
  process.once('SIGINT', () => stop.abort());
  try {
    return await work({ signal: stop.signal, onProgress: progress.show });
  } catch (error) {
    progress.stop();
    if (asAttractorError(error).code === 'aborted') console.error(`Stopped. To go on: ${again(extra)}`);
    throw error;
  } finally {
    progress.stop();
  }
}

/** The same command once more. */
function again(extra: string): string {
  const words = process.argv.slice(2).filter((word) => word !== extra);
  const quoted = words.map((word) =>
    /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`,
  );
  return ['attractor', ...quoted, extra].join(' ').trim();
}

const SHOWN_PROBLEMS = 20;

export function printProblems(problems: readonly DatasetProblem[]): void {
  if (problems.length === 0) return;
  console.error(`${problems.length === 1 ? '1 row was' : `${problems.length} rows were`} left out:`);
  for (const { line, reason } of problems.slice(0, SHOWN_PROBLEMS))
    console.error(`  line ${line}: ${reason}`);
  if (problems.length > SHOWN_PROBLEMS) console.error(`  and ${problems.length - SHOWN_PROBLEMS} more`);
}
