// A snapshot taken in a process of its own: SQLite copies in one go, and who asks for a photo meanwhile must not wait.

import { rmSync } from 'node:fs';
import { runJob } from '../runtime/one-job.ts';
import type { SnapshotInfo } from '../store/snapshot.ts';

/** As takeSnapshot. Throws `aborted` too; either way no file is left. */
export async function snapshotInProcess(options: {
  directory: string;
  path: string;
  signal: AbortSignal;
}): Promise<SnapshotInfo> {
  const { directory, path, signal } = options;
  const job = { directory, path };
  try {
    return await runJob({
      ...{ url: import.meta.url, module: './snapshot-child', name: 'the snapshot', job, signal },
    });
  } catch (error) {
    for (const file of [`${path}.partial`, `${path}.partial-journal`, path]) rmSync(file, { force: true });
    throw error;
  }
}
