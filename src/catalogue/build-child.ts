// Main module of a process that builds one graph. Started only by build-process.ts. It may die at any moment; nothing depends
// on what it leaves behind.

import { type BuildJob, runBuildJob } from './build-job.ts';
import type { FromBuilder } from './build-process.ts';

const say = (message: FromBuilder): void => void process.send?.(message, () => process.disconnect());

process.on('message', (job: BuildJob) => {
  runBuildJob(job).then(
    (rows) => say({ rows }),
    (error: Error) => say({ failed: error.message }),
  );
});
process.on('disconnect', () => process.exit());
// Ctrl-C and service managers signal the whole group; the parent decides when this process has to go.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
