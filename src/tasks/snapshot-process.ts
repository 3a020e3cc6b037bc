// A snapshot taken in a process of its own: SQLite copies in one go, and who asks for a photo meanwhile must not wait.

import { fork } from 'node:child_process';
import { rmSync } from 'node:fs';
import { AttractorError } from '../errors/error.ts';
import { ERRORS, type ErrorCode } from '../errors/table.ts';
import { siblingModule } from '../runtime/sibling-module.ts';
import type { SnapshotInfo } from '../store/snapshot.ts';

export type FromSnapshot =
  | { readonly info: SnapshotInfo }
  | { readonly failed: string; readonly code?: string };

/** As takeSnapshot. Throws `aborted` too; either way no file is left. */
export function snapshotInProcess(options: {
  directory: string;
  path: string;
  signal: AbortSignal;
}): Promise<SnapshotInfo> {
  const { directory, path, signal } = options;
  const { path: module, execArgv } = siblingModule(import.meta.url, './snapshot-child');
  return new Promise((resolve, reject) => {
    const child = fork(module, [], { execArgv, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    let said: FromSnapshot | undefined;
    const kill = () => child.kill('SIGKILL');
    signal.addEventListener('abort', kill);
    if (signal.aborted) kill();
    const end = (how: string): void => {
      signal.removeEventListener('abort', kill);
      if (said && 'info' in said && !signal.aborted) {
        resolve(said.info);
        return;
      }
      for (const file of [`${path}.partial`, `${path}.partial-journal`, path]) rmSync(file, { force: true });
      const { failed, code } = said && 'failed' in said ? said : { failed: how };
      const known = code !== undefined && code in ERRORS ? (code as ErrorCode) : 'internal';
      reject(
        signal.aborted
          ? new AttractorError('aborted', 'The snapshot was stopped.')
          : new AttractorError(known, `the snapshot: ${failed}`),
      );
    };
    child.on('message', (message: FromSnapshot) => {
      said = message;
    });
    child.on('error', (error) => end(error.message));
    child.on('exit', (code, killed) => end(killed ? `killed by ${killed}` : `exit code ${code}`));
    child.send({ directory, path }, () => {});
  });
}
