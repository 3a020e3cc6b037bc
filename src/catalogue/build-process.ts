// A graph built in a process of its own: searches do not wait for it, and a crash of hnswlib costs a graph, not the server.

import { fork } from 'node:child_process';
import { AttractorError } from '../errors/error.ts';
import { siblingModule } from '../runtime/sibling-module.ts';
import type { BuildJob } from './build-job.ts';

/** What the process says before it ends: how many nodes are in the file, or why there is none. */
export type FromBuilder = { readonly rows: number } | { readonly failed: string };

const STDERR_TAIL = 2000;

/** Resolves to the number of nodes in the file. Throws `index_invalid` where the process fails or dies, or `aborted`. */
export function buildInProcess(job: BuildJob, options: { signal: AbortSignal }): Promise<number> {
  const { signal } = options;
  const { path, execArgv } = siblingModule(import.meta.url, './build-child');
  return new Promise((resolve, reject) => {
    const child = fork(path, [], { execArgv, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    let said: FromBuilder | undefined;
    let stderr = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-STDERR_TAIL);
    });
    const kill = () => child.kill('SIGKILL');
    signal.addEventListener('abort', kill);
    if (signal.aborted) kill();
    const end = (how: string): void => {
      signal.removeEventListener('abort', kill);
      const reason = said && 'failed' in said ? said.failed : how;
      const cause = stderr === '' ? undefined : new Error(stderr.trim());
      if (signal.aborted) reject(new AttractorError('aborted', 'Building the graph was stopped.'));
      else if (said && 'rows' in said) resolve(said.rows);
      else reject(new AttractorError('index_invalid', `the building process: ${reason}`, { cause }));
    };
    child.on('message', (message: FromBuilder) => {
      said = message;
    });
    child.on('error', (error) => end(error.message));
    child.on('exit', (code, killed) => end(killed ? `killed by ${killed}` : `exit code ${code}`));
    child.send(job, () => {});
  });
}
