// A graph built in a process of its own: searches do not wait for it, and a crash of hnswlib costs a graph, not the server.

import { runJob } from '../runtime/one-job.ts';
import type { BuildJob } from './build-job.ts';

/** Resolves to the number of nodes in the file. Throws `index_invalid` where the process fails or dies, or `aborted`. */
export const buildInProcess = (job: BuildJob, options: { signal: AbortSignal }): Promise<number> =>
  runJob({
    ...{ url: import.meta.url, module: './build-child', name: 'the building process', job, ...options },
    code: 'index_invalid',
  });
