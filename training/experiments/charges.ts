// Experiments on synthetic clusters: where a loss takes its proxies (do they cover the modes of their class, how far are they from
// its data), and what they cost as classes grow. No images, no race: every variant runs as it is written. What a cell does is
// charges-cell.ts's.

import { runJob } from '../../src/runtime/one-job.ts';
import type { Progress } from '../prepare.ts';
import type { Cell, CellLine } from './charges-cell.ts';
import type { ChargesExperiment } from './charges-schema.ts';
import { type CellsOptions, linesOfPlan, type Plan, runCells } from './lines.ts';

export interface ChargesLine extends CellLine {
  readonly key: string;
}

export interface RunChargesOptions extends CellsOptions {
  readonly experiment: ChargesExperiment;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/** What charges-child.ts is sent. */
export interface ChargesJob {
  readonly experiment: ChargesExperiment;
  readonly cell: Cell;
}

/**
 * Cells run now; those that the folder had already are not run again. Each has a process of its own, or its memory would be what
 * others had left. Throws `aborted`.
 */
export async function runCharges(options: RunChargesOptions): Promise<number> {
  const { experiment, out, shard, onCell, signal, onProgress } = options;
  const textOf = ({ variant, classes: count, seed }: Cell) =>
    `${variant.title}, ${count} classes, seed ${seed}`;
  const run = (cell: Cell) =>
    runJob<CellLine, Progress>({
      ...{ url: import.meta.url, module: './charges-child', name: 'the experiment' },
      job: { experiment, cell } satisfies ChargesJob,
      ...{ signal, onNote: onProgress },
    });
  return runCells({ experiment, out, shard, plan: planOf(experiment), textOf, onCell, run });
}

function planOf(experiment: ChargesExperiment): Plan<Cell> {
  const { title, about, variants, classes, seeds, ...settings } = experiment;
  const cells = classes.flatMap((count) =>
    variants.flatMap((variant) => seeds.map((seed) => ({ variant, classes: count, seed }))),
  );
  return { cells, settings };
}

/** What the folder has of this experiment. */
export const readCharges = (folder: string, experiment: ChargesExperiment) =>
  linesOfPlan<ChargesLine>(folder, planOf(experiment));
