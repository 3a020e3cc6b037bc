// Main module of a process that runs one cell of an experiment on synthetic clusters: time and memory are this process's alone.

import { answerJob } from '../../src/runtime/one-job.ts';
import type { Progress } from '../prepare.ts';
import type { ChargesJob } from './charges.ts';
import { type CellLine, runCell } from './charges-cell.ts';

const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
const memory = () => ({ now: process.memoryUsage.rss(), peak: 1024 * process.resourceUsage().maxRSS });

answerJob<ChargesJob, CellLine, Progress>((job, onProgress) => runCell({ ...job, cpu, memory, onProgress }));
