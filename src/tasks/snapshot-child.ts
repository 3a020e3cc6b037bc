// The process that takes one snapshot and says what it wrote: the copy would hold up every query of the server. Not a library.

import { answerJob } from '../runtime/one-job.ts';
import { takeSnapshot } from '../store/snapshot.ts';

answerJob(takeSnapshot);
