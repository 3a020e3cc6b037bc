// Main module of a process that builds one graph. Started only by build-process.ts. It may die at any moment; nothing depends
// on what it leaves behind.

import { answerJob } from '../runtime/one-job.ts';
import { runBuildJob } from './build-job.ts';

answerJob(runBuildJob);
