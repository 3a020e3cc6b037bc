// An experiment in which methods race: its cells, and the data sets and products that they share. What a cell does is cell.ts's;
// how cells are run and kept is lines.ts's; what they mean is report.ts's.

import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createMatmul } from '../baselines/matmul.ts';
import { type Prepared, type Progress, prepare } from '../prepare.ts';
import { type CellPlace, type CellResult, runCell } from './cell.ts';
import { type CellsOptions, linesOfPlan, type Plan, runCells } from './lines.ts';
import { lookAt } from './look.ts';
import type { Experiment } from './schema.ts';
import { tuneCell } from './tune-cell.ts';

/** `out` gets a `look-<data>.json` beside the results. */
export interface RunExperimentOptions extends CellsOptions {
  readonly experiment: Experiment;
  readonly backbone: string;
  readonly cache: string;
  /** CPU time of the process in seconds. */
  readonly cpu: () => number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

export interface Line extends CellResult {
  readonly key: string;
}

/** Cells that were run now; those that the folder had already are not run again. Throws what prepare and runCell throw. */
export async function runExperiment(options: RunExperimentOptions): Promise<number> {
  const { experiment, out, shard, cpu, signal, onCell, onProgress, backbone, cache } = options;
  const { data } = experiment;
  const matmul = createMatmul({ threads: 1 });
  const prepared = new Map<string, Prepared>();
  const run = async (place: CellPlace) => {
    const { name, path, label, across } = data.find((one) => one.name === place.data)!;
    if (!prepared.has(name)) {
      prepared.set(
        name,
        await prepare({ data: { path, label }, across, backbone, cache, signal, onProgress }),
      );
    }
    const set = prepared.get(name)!;
    const inputs = set.backbone.manifest.dimension;
    const common = { experiment, place, matmul, signal, onProgress };
    const cell = await runCell({ ...common, data: set.data, inputs, cpu });
    const tuned = await tuneCell({ ...common, cell, set, cache });
    const look = join(out, `look-${name}.json`);
    if (!existsSync(look)) writeFileSync(look, JSON.stringify(await lookAt({ cell, set, inputs, matmul })));
    return { ...cell.result, results: [...cell.result.results, ...tuned] };
  };
  try {
    return await runCells({ experiment, out, shard, plan: planOf(experiment), textOf, onCell, run });
  } finally {
    await matmul.release();
  }
}

/** Data sets first, then splits: the cells of one set are neighbours. */
function planOf(experiment: Experiment): Plan<CellPlace> {
  const { title, about, data, splits, noise, dimensions, audit, ...settings } = experiment;
  const cells = data.flatMap(({ name, across }) =>
    splits.flatMap((split) =>
      noise.flatMap((one) =>
        dimensions.flatMap((dimension) =>
          audit.map((mode) => ({ data: name, across, split, noise: one, dimension, audit: mode })),
        ),
      ),
    ),
  );
  return { cells, settings };
}

const textOf = ({ data, split, noise, dimension, audit }: CellPlace) =>
  `${data}, split ${split}, ${noise.kind} noise ${noise.rate}, length ${dimension}, audit ${audit}`;

/** What the folder has of this experiment. */
export const readResults = (folder: string, experiment: Experiment) =>
  linesOfPlan<Line>(folder, planOf(experiment));
