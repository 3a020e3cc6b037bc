// One job in a process of its own, which may die: the half of the parent and that of the child's main module. Processes that live on
// are embed's.

import { fork } from 'node:child_process';
import { AttractorError } from '../errors/error.ts';
import { ERRORS, type ErrorCode } from '../errors/table.ts';
import { siblingModule } from './sibling-module.ts';

type Said<Result, Note> =
  | { readonly note: Note }
  | { readonly result: Result }
  | { readonly failed: string; readonly code?: string };

const STDERR_TAIL = 2000;

/**
 * Sends `job` to a new process of the `module` beside `url`, which answers by answerJob. Throws `aborted`, once the process is gone;
 * `code` where that is given; else what the child threw, and `internal` where it died.
 */
export function runJob<Result, Note = never>(options: {
  /** Of the caller: `import.meta.url`. */
  url: string;
  /** As for siblingModule. */
  module: string;
  job: object;
  /** For messages: `the experiment`. */
  name: string;
  code?: ErrorCode;
  signal?: AbortSignal;
  onNote?: (note: Note) => void;
}): Promise<Result> {
  const { url, module, job, name, signal, onNote } = options;
  const { path, execArgv } = siblingModule(url, module);
  return new Promise((resolve, reject) => {
    const child = fork(path, [], { execArgv, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    let last: Said<Result, Note> | undefined;
    let stderr = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-STDERR_TAIL);
    });
    const kill = () => child.kill('SIGKILL');
    signal?.addEventListener('abort', kill);
    if (signal?.aborted) kill();
    const end = (how: string): void => {
      signal?.removeEventListener('abort', kill);
      const cause = stderr === '' ? undefined : new Error(stderr.trim());
      if (signal?.aborted) reject(new AttractorError('aborted', `${name} was stopped`));
      else if (last && 'result' in last) resolve(last.result);
      else {
        const { failed, code = 'internal' } = last && 'failed' in last ? last : { failed: how };
        const known = code in ERRORS ? (code as ErrorCode) : 'internal';
        reject(new AttractorError(options.code ?? known, `${name}: ${failed}`, { cause }));
      }
    };
    child.on('message', (said: Said<Result, Note>) => {
      if ('note' in said) onNote?.(said.note);
      else last = said;
    });
    child.on('error', (error) => end(error.message));
    child.on('close', (code, killed) => end(killed ? `killed by ${killed}` : `exit code ${code}`));
    child.send(job, () => {});
  });
}

/** All that the main module of such a process does: one job, then it ends. */
export function answerJob<Job, Result, Note = never>(
  work: (job: Job, note: (note: Note) => void) => Promise<Result>,
): void {
  const say = (said: Said<Result, Note>, then?: () => void) => process.send!(said, () => then?.());
  const end = () => process.disconnect();
  process.once('message', (job: Job) => {
    work(job, (note) => say({ note })).then(
      (result) => say({ result }, end),
      ({ message, code }: { message: string; code?: string }) => say({ failed: message, code }, end),
    );
  });
  // Whose parent is gone has no one to work for.
  process.on('disconnect', () => process.exit());
  // Ctrl-C and service managers signal the whole group; the parent decides when this process has to go.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});
}
